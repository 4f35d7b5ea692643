import { useTexts } from "../i18n";
import { watch as en } from "../i18n/en/watch";
import { watch as zhCN } from "../i18n/zh-CN/watch";
import { exposeDebugHandle, readAddress, startPage } from "../ui/page";
import { WatchPage } from "./app";
import { WatchSession } from "./session";

useTexts({ en, "zh-CN": zhCN });
const session = new WatchSession(readAddress());
exposeDebugHandle({
  pc: () => session.connection,
  stats: () => ({
    ...session.stats.peek(),
    delayMs: session.delayMs.peek(),
    phase: session.subscriber.peek().phase,
    sessionId: session.sessionId,
    size: session.picture.size.peek(),
    muted: session.picture.isMuted.peek(),
  }),
});
startPage(<WatchPage session={session} />);
session.start();
