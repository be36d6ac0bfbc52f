import type { Progress } from '../../examples/support/progress.ts';
import { type RebuildProgress, RebuildStage } from '../../gen/ts/ops/v1/projection.ts';
import { printable } from '../dead-letters/letter-text.ts';

type Print = (line: string) => void;

/**
 * Shows how far a rebuild is, and at its end what came of it. Resolves with 0 when the new one answers queries, or would
 * answer the same; with 1 when a dry run found rows that differ.
 */
export async function showRebuild(
  rebuild: AsyncIterable<RebuildProgress>,
  progress: Progress,
  print: Print,
): Promise<number> {
  const startMs = performance.now();
  let replayedMs = startMs;
  let last: RebuildProgress | undefined;
  for await (const each of rebuild) {
    const isReplay = each.stage === RebuildStage.REBUILD_STAGE_REPLAYING;
    if (isReplay || last === undefined || last.stage === RebuildStage.REBUILD_STAGE_REPLAYING)
      replayedMs = performance.now();
    progress.show(isReplay ? replayLine(each, replayedMs - startMs) : comparisonLine(each));
    last = each;
  }
  if (last === undefined) throw new Error('the rebuild ended without a word: look at the log of the mesh');
  progress.end(`${replayLine(last, replayedMs - startMs)}; ${comparisonLine(last)}`);
  printDifferences(last, print);
  return verdict(last, print);
}

function replayLine({ eventsDone, eventsTotal }: RebuildProgress, tookMs: number): string {
  const perSecond = Math.round(Number(eventsDone) / (Math.max(tookMs, 1) / 1_000));
  return `${eventsDone} of ${eventsTotal} events, ${perSecond} a second`;
}

function comparisonLine({ rowsCompared, rowsDifferent }: RebuildProgress): string {
  return `${rowsCompared} rows compared, ${rowsDifferent} differ`;
}

function printDifferences({ differences, rowsDifferent, liveHash, rebuiltHash }: RebuildProgress, print: Print): void {
  for (const { key, live, rebuilt } of differences) {
    print(printable(key));
    print(`  live     ${printable(live) || 'no such row'}`);
    print(`  rebuilt  ${printable(rebuilt) || 'no such row'}`);
  }
  const untold = rowsDifferent - BigInt(differences.length);
  if (untold > 0n) print(`and ${untold} more`);
  print(`hash of what answered  ${liveHash}`);
  print(`hash of the new one    ${rebuiltHash}`);
}

function verdict({ stage, rowsDifferent }: RebuildProgress, print: Print): number {
  const differ = rowsDifferent > 0n;
  if (stage === RebuildStage.REBUILD_STAGE_SWITCHED) {
    print(
      differ
        ? 'the new one answers now: the rows that differed are replaced'
        : 'the new one answers now: it is the same',
    );
    return 0;
  }
  print(
    differ
      ? 'nothing was changed: make it again without DRY_RUN to replace them'
      : 'nothing was changed: they are the same',
  );
  return differ ? 1 : 0;
}
