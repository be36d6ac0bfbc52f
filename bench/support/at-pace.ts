import { setTimeout as delay } from 'node:timers/promises';

/** Begins `work` for 0 to `count - 1`, each at its time, however long the others take; resolves when all are done. */
export async function atPace(
  count: number,
  perSecond: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  const begunMs = performance.now();
  const under: Promise<unknown>[] = [];
  for (let index = 0; index < count; index += 1) {
    const waitMs = begunMs + (index * 1_000) / perSecond - performance.now();
    if (waitMs > 0) await delay(waitMs);
    under.push(work(index));
  }
  await Promise.all(under);
}
