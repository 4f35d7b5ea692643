import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import type { Capture } from "./capture";
import type { FrameCounter } from "./frames";

/** The host's picture in the shape viewers see it, not mirrored: text on a product reads right. */
export function Preview(props: { capture: Capture; frames: FrameCounter; guides?: boolean; children?: ComponentChildren }) {
  const video = useRef<HTMLVideoElement>(null);
  const { capture, frames } = props;
  const { orientation } = capture.choices.value;
  const hasCamera = capture.hasCamera.value;
  useEffect(() => {
    if (!video.current) return;
    video.current.muted = true;
    frames.watch(video.current);
  }, []);
  useEffect(() => {
    if (!video.current) return;
    // A stream without a picture would hold back the page's load event for ever.
    video.current.srcObject = hasCamera ? capture.stream : null;
    if (hasCamera) void video.current.play().catch(() => undefined);
  }, [hasCamera]);
  return (
    <div class="phone" data-orientation={orientation}>
      <video class="phone__video" id="preview" ref={video} autoplay playsInline muted aria-label={t("studio.preview")} />
      <div class="phone__ui">{props.children}</div>
      {props.guides && orientation === "portrait" && (
        <svg class="phone__guides" viewBox="0 0 360 640" aria-hidden="true">
          <path d="M0 96H360M0 400H360M246 400V640" />
        </svg>
      )}
    </div>
  );
}
