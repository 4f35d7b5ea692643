import { useEffect, useState } from "preact/hooks";

/** Draws the component again every `periodMs`, for clocks and countdowns. */
export function useTicks(periodMs: number): void {
  const [, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick((tick) => tick + 1), periodMs);
    return () => clearInterval(timer);
  }, [periodMs]);
}
