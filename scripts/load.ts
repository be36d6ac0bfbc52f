import { readAccess } from '../examples/support/access.ts';
import { isUnreached } from '../examples/support/clients.ts';
import {
  addressProblem,
  describeFailure,
  type ExitCode,
  exitCode,
  type Failure,
} from '../examples/support/failures.ts';
import { connect, type Mesh, outages } from '../examples/support/mesh.ts';
import { type RunResult, requireGhz, runAll } from './load/ghz.ts';
import { writeReport } from './load/html.ts';
import { drainOrders } from './load/orders.ts';
import { prepareData } from './load/prepare.ts';
import {
  type GhzConfig,
  type LoadOptions,
  listProfiles,
  parseDuration,
  readProfile,
  watchesFile,
} from './load/profile.ts';
import { findServer, watchServer } from './load/server.ts';
import { describeStop, failedCalls, runLines, serverLines } from './load/tables.ts';
import { describeWatches, placeWatchedOrders, type WatchedOrders } from './load/watches.ts';
import { CommandError, UsageError } from './ordermesh/cli.ts';
import { escapeControls, formatTable } from './support/format.ts';

const shownFindings = 10;

const { PROFILE, ADDRESS, METRICS, DURATION, CONCURRENCY, CONNECTIONS, RPS } = process.env;
const address = ADDRESS || '127.0.0.1:50051';

try {
  process.exitCode = PROFILE ? await load(PROFILE) : list();
} catch (error) {
  const { text, code } = failureOf(error);
  process.stderr.write(`${text}\n`);
  process.exitCode = code;
}

/** Shows the profiles. */
function list(): ExitCode {
  console.log('make load PROFILE=<profile>:');
  for (const line of formatTable(listProfiles().map(({ name, title }) => [`  ${name}`, title]))) console.log(line);
  return exitCode.done;
}

/**
 * Prepares the data, runs ghz, waits until all orders have ended, audits, and prints and saves the result, also if the mesh went
 * away meanwhile.
 */
async function load(profileName: string): Promise<ExitCode> {
  const { title, runs: configs } = readProfile(profileName, readOptions());
  const access = readAccess(process.env, address);
  if (access.tls || access.token)
    throw new CommandError('make load cannot call a mesh with TLS or tokens yet: use one without', exitCode.usage);
  await requireGhz();
  const mesh = connect(address, access);
  try {
    const [outage] = await outages(mesh);
    if (outage !== undefined) throw new CommandError(outage, exitCode.unavailable);
    const { server, watches } = await prepare(mesh, title, configs);
    using watched = await watchServer(server);
    const startTime = new Date();
    const runs = await runAll(configs);
    print(runLines(runs));
    const figures = await watched.end();
    print(['', ...serverLines(figures, runs)]);
    const { drained, audit, code, failure } = await checkOutcome(mesh, runs, watches);
    print([...drained, ...audit]);
    const found = failure ? [failure.text] : audit;
    const result = { profile: profileName, title, address, startTime, runs, server: figures, drained, audit: found };
    print([`report: ${await writeReport(result)}`]);
    if (failure) throw new CommandError(failure.text, failure.code);
    return runs.some(failedCalls) ? exitCode.attention : code;
  } finally {
    mesh.close();
  }
}

/** Throws a CommandError if the mesh stops meanwhile. */
async function prepare(mesh: Mesh, title: string, configs: readonly GhzConfig[]) {
  try {
    await prepareData(mesh, (line) => print([line]));
    print([`${title}, on ${address}`]);
    // A mesh that is busy with many orders takes long to answer this.
    const server = await findServer(mesh, METRICS || undefined);
    const watch = configs.find((config) => config['data-file'] === watchesFile);
    return { server, watches: watch && (await placeWatchedOrders(mesh, watch)) };
  } catch (error) {
    throw isUnreached(error) ? new CommandError(describeStop(address, []), exitCode.unavailable) : error;
  }
}

function print(lines: readonly string[]): void {
  for (const line of lines) console.log(escapeControls(line));
}

function readOptions(): LoadOptions {
  for (const [name, value] of Object.entries({ ADDRESS: address, METRICS })) {
    const problem = value ? addressProblem(value, name) : undefined;
    if (problem !== undefined) throw new UsageError(problem);
  }
  return {
    address,
    durationMs: DURATION ? parseDuration(DURATION) : undefined,
    concurrency: readCount('CONCURRENCY', CONCURRENCY),
    connections: readCount('CONNECTIONS', CONNECTIONS),
    rps: readCount('RPS', RPS),
  };
}

function readCount(name: string, value: string | undefined): number | undefined {
  if (!value) return undefined;
  const count = Number(value);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new UsageError(`invalid ${name} "${value}": use a number, minimum 1`);
  return count;
}

/** What became of the load, in lines, and the exit code for it. */
interface Outcome {
  readonly drained: readonly string[];
  readonly audit: readonly string[];
  readonly code: ExitCode;
  /** Why it could not be found out. */
  readonly failure?: Failure;
}

/** Waits until all orders have ended and audits. */
async function checkOutcome(mesh: Mesh, runs: readonly RunResult[], watches?: WatchedOrders): Promise<Outcome> {
  let drained: string[] = [];
  try {
    drained = await drainOrders(mesh);
    const [run] = runs;
    if (watches && run) drained.push(await describeWatches(mesh, watches, run));
    const { lines, isClean } = await runAudit(mesh);
    return { drained, audit: lines, code: isClean ? exitCode.done : exitCode.attention };
  } catch (error) {
    const failure = isUnreached(error)
      ? { text: describeStop(mesh.address, runs), code: exitCode.unavailable }
      : failureOf(error);
    return { drained, audit: [], code: failure.code, failure };
  }
}

/** Runs all checks. Returns the first findings, or a summary. */
async function runAudit({ audits }: Mesh): Promise<{ readonly lines: readonly string[]; readonly isClean: boolean }> {
  const found: string[] = [];
  let checks = 0;
  for await (const { report } of audits.runAudit({ checks: [] })) {
    if (report?.$case === 'finding') {
      const { check, reason, message } = report.value;
      found.push(`${check}: ${reason}: ${message}`);
    }
    if (report?.$case !== 'check') continue;
    checks += 1;
    if (report.value.error !== '') found.push(`${report.value.name} could not finish: ${report.value.error}`);
  }
  if (found.length === 0) return { isClean: true, lines: [`audit: ${checks} checks, no findings`] };
  const more = found.length - shownFindings;
  const shown = [...found.slice(0, shownFindings), ...(more > 0 ? [`${more} more: run "make audit"`] : [])];
  return { isClean: false, lines: shown.map((line) => `audit: ${line}`) };
}

function failureOf(error: unknown): Failure {
  if (error instanceof UsageError) return { text: error.message, code: exitCode.usage };
  if (error instanceof CommandError) return { text: error.message, code: error.code };
  return describeFailure(error, address);
}
