import { Projection, ProjectionServiceDefinition, RebuildProgress, RebuildStage } from '#gen/ops/v1/projection.ts';
import { type ExitCode, exitCode } from '../../examples/support/failures.ts';
import { createProgress, silentProgress } from '../../examples/support/progress.ts';
import { escapeControls, formatTable } from '../support/format.ts';
import { type Cli, type Command, printJson, readArgs, UsageError } from './cli.ts';

/** Lists or rebuilds projections. Exits with 1 if a dry run found rows that differ. */
export const rebuildCommand: Command = {
  name: 'rebuild',
  summary: 'list the projections, or rebuild one from its events',
  usage: `                           list the projections and how far behind they are
<projection>               rebuild it and switch over
<projection> --dry-run     rebuild it, compare, and discard the result
             --note <why>  the reason, for the record: required where calls are authenticated

The service may be omitted if only one service has a projection with this name.`,
  async run(args, cli) {
    const { values, positionals } = readArgs(args, { 'dry-run': { type: 'boolean' }, note: { type: 'string' } });
    const { 'dry-run': dryRun = false, note: reason = '' } = values;
    const [name, ...others] = positionals;
    const projections = cli.client(ProjectionServiceDefinition);
    if (others.length > 0) throw new UsageError('only one projection can be rebuilt at a time');
    if (name === undefined) {
      if (dryRun) throw new UsageError('--dry-run requires the name of a projection');
      const list = await Array.fromAsync(projections.listProjections({}));
      if (cli.json) for (const projection of list) printJson(cli, 'Projection', Projection, projection);
      else for (const line of projectionTable(list, Date.now())) cli.print(line);
      return exitCode.done;
    }
    return await showRebuild(projections.rebuildProjection({ name, dryRun, reason }), cli);
  },
};

/** Formats projections as a table. */
export function projectionTable(projections: readonly Projection[], nowMs: number): string[] {
  if (projections.length === 0) return ['no projections'];
  const headings = ['PROJECTION', 'EVENTS BEHIND', 'FOR', 'PARKED', 'GENERATION', 'STATE'];
  return formatTable([headings, ...projections.map((projection) => cellsOf(projection, nowMs).map(escapeControls))]);
}

function cellsOf(projection: Projection, nowMs: number): string[] {
  const { name, position, headPosition, behindSince, parkedEvents, generation, rebuilding } = projection;
  const behindMs = behindSince ? Math.max(0, nowMs - behindSince.getTime()) : 0;
  const lag = behindSince ? `${(behindMs / 1_000).toFixed(1)} s` : '-';
  return [
    name,
    `${headPosition - position}`,
    lag,
    `${parkedEvents}`,
    `${generation}`,
    rebuilding ? 'rebuilding' : 'live',
  ];
}

type Print = (line: string) => void;

/** Shows the progress of a rebuild, then its result. Returns the exit code. */
async function showRebuild(rebuild: AsyncIterable<RebuildProgress>, cli: Cli): Promise<ExitCode> {
  const print = cli.json ? () => undefined : cli.print;
  const progress = cli.json ? silentProgress : createProgress();
  const startMs = performance.now();
  let replayedMs = startMs;
  let last: RebuildProgress | undefined;
  for await (const each of rebuild) {
    const isReplay = each.stage === RebuildStage.REBUILD_STAGE_REPLAYING;
    if (isReplay || last === undefined || last.stage === RebuildStage.REBUILD_STAGE_REPLAYING)
      replayedMs = performance.now();
    progress.show(isReplay ? replayLine(each, replayedMs - startMs) : comparisonLine(each));
    if (cli.json) printJson(cli, 'RebuildProgress', RebuildProgress, each);
    last = each;
  }
  if (last === undefined) throw new Error('the rebuild ended without a result: check the log of the mesh');
  progress.end(`${replayLine(last, replayedMs - startMs)}; ${comparisonLine(last)}`);
  printDifferences(last, print);
  return printResult(last, print);
}

function replayLine({ eventsDone, eventsTotal }: RebuildProgress, tookMs: number): string {
  const perSecond = Math.round(Number(eventsDone) / (Math.max(tookMs, 1) / 1_000));
  return `${eventsDone} of ${eventsTotal} events, ${perSecond}/s`;
}

function comparisonLine({ rowsCompared, rowsDifferent }: RebuildProgress): string {
  return `${rowsCompared} rows compared, ${rowsDifferent} differ`;
}

function printDifferences({ differences, rowsDifferent, liveHash, rebuiltHash }: RebuildProgress, print: Print): void {
  for (const { key, live, rebuilt } of differences) {
    print(escapeControls(key));
    print(`  live     ${escapeControls(live) || '(missing)'}`);
    print(`  rebuilt  ${escapeControls(rebuilt) || '(missing)'}`);
  }
  const notShown = rowsDifferent - BigInt(differences.length);
  if (notShown > 0n) print(`and ${notShown} more`);
  print(`hash of the live projection     ${liveHash}`);
  print(`hash of the rebuilt projection  ${rebuiltHash}`);
}

function printResult({ stage, rowsDifferent }: RebuildProgress, print: Print): ExitCode {
  const differ = rowsDifferent > 0n;
  if (stage === RebuildStage.REBUILD_STAGE_SWITCHED) {
    print(
      differ
        ? 'switched to the rebuilt projection: the rows above are fixed'
        : 'switched to the rebuilt projection: no differences',
    );
    return exitCode.done;
  }
  print(differ ? 'nothing changed: a rebuild that is no dry run fixes these rows' : 'nothing changed: no differences');
  return differ ? exitCode.attention : exitCode.done;
}
