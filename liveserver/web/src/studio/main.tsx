import { useTexts } from "../i18n";
import { studio as en } from "../i18n/en/studio";
import { studio as zhCN } from "../i18n/zh-CN/studio";
import { exposeDebugHandle, readAddress, startPage } from "../ui/page";
import { StudioPage } from "./app";
import { FrameCounter } from "./frames";
import { StudioSession } from "./session";

useTexts({ en, "zh-CN": zhCN });
const session = new StudioSession(readAddress());
const frames = new FrameCounter();
exposeDebugHandle({
  pc: () => session.publisher.session?.connection ?? null,
  stats: () => ({ ...session.stats.peek(), phase: session.phase.peek(), sessionId: session.publisher.session?.id ?? null }),
});
startPage(<StudioPage session={session} frames={frames} />);
session.start();
