import { styleText } from 'node:util';
import { HealthStatus, type NamedHealth } from '#gen/ops/v1/health.ts';
import { deadLetterSourceToJSON, sagaStateToJSON } from '#gen/ops/v1/ops.ts';
import type { AcceptedTokens, Status, UnknownPart } from '#gen/ops/v1/status.ts';
import { withCommandsHere } from '../../../mesh/errors/commands-here.ts';
import { escapeControls, formatTable } from '../../support/format.ts';
import { auditSummary } from '../audit.ts';
import { projectionTable } from '../rebuild.ts';
import { expiryRows } from './tls-expiries.ts';

/** Formats the status of the mesh at `address` for people. */
export function statusLines(status: Status, attention: readonly string[], address: string, nowMs: number): string[] {
  const expiries = expiryRows(status, nowMs);
  return [
    ...processLines(status, address, nowMs),
    ...(isAlone(status)
      ? []
      : section('Other processes', processRows(status, nowMs), ['PROCESS', 'STATE', 'RUNNING', 'SERVICES', 'VERSION'])),
    ...(expiries.length === 0 ? [] : section('TLS', expiries, ['PROCESS', 'SETTING', 'USE', 'EXPIRES', 'SUBJECT'])),
    ...section('Waiting', waitingRows(status, nowMs), ['WHAT', 'COUNT', 'OLDEST']),
    ...section('Unfinished sagas', sagaRows(status, nowMs), ['SAGA', 'STATE', 'COUNT', 'OLDEST']),
    ...section('Dead letters', deadLetterRows(status, nowMs), ['SOURCE', 'ORIGIN', 'COUNT', 'OLDEST']),
    ...(status.skippedEvents.length === 0
      ? []
      : section('Skipped events since the start', skippedRows(status), ['GROUP', 'TOPIC', 'REASON', 'COUNT', 'FIX'])),
    ...heading('Projections'),
    ...projectionTable(status.projections, nowMs).map((line) => `  ${line}`),
    ...heading('Last audit'),
    `  ${auditText(status, nowMs)}`,
    ...heading('Disk'),
    `  ${diskText(status)}`,
    ...heading('Needs attention'),
    ...(attention.length === 0 ? ['  nothing'] : attention.map((line) => `  ${escapeControls(line)}`)),
  ];
}

function isServing(health: readonly NamedHealth[]): boolean {
  return health.find(({ name }) => name === '')?.status === HealthStatus.HEALTH_STATUS_SERVING;
}

function isAlone({ instances, unknown }: Status): boolean {
  return instances.length === 0 && !unknown.some(isProcess);
}

/** The processes that answered, and those that did not. */
function processRows({ instances, unknown }: Status, nowMs: number): string[][] {
  const rows = instances.map(({ name, address, process, health }) => {
    const place = `${name}@${address}`;
    if (!process) return [place, 'no ops', '-', '-', '-'];
    const { startTime, services, version } = process;
    const down = health.filter(({ status }) => status !== HealthStatus.HEALTH_STATUS_SERVING).length;
    const names = down === 0 ? '' : `, ${down} of ${health.length} names not`;
    const state = isServing(health) ? `serving${names}` : 'not serving';
    return [place, state, ageOf(startTime, nowMs), services.join(', '), version];
  });
  const silent = unknown.filter(isProcess).map((each) => [each.instance, stateOf(each), '-', '-', '-']);
  return [...rows, ...silent].toSorted(([one = ''], [other = '']) => (one < other ? -1 : 1));
}

/** Whether a part is a whole process, which did not answer. */
export function isProcess({ part }: UnknownPart): boolean {
  return part === 'process';
}

/** What is known of a process that did not answer. Without an address, none was found. */
function stateOf({ instance, reason }: UnknownPart): string {
  if (instance.includes('@')) return 'no answer';
  return reason === 'REGISTRY_UNAVAILABLE' ? 'unknown' : 'no instance';
}

/** `19 of 20 processes serve, 1 does not answer`. A service without an instance counts as one process. */
function countsOf({ health, instances, unknown }: Status): string {
  const found = [health, ...instances.filter(({ process }) => process).map((each) => each.health)];
  const serving = found.filter(isServing).length;
  const silent = unknown.filter(isProcess).map(stateOf);
  const withState = (state: string) => silent.filter((each) => each === state).length;
  const [noAnswer, noInstance] = [withState('no answer'), withState('no instance')];
  return [
    `${serving} of ${found.length + noAnswer} processes serve`,
    ...(noAnswer === 0 ? [] : [`${noAnswer} ${noAnswer === 1 ? 'does' : 'do'} not answer`]),
    ...(noInstance === 0 ? [] : [`${noInstance} ${noInstance === 1 ? 'service has' : 'services have'} no instance`]),
  ].join(', ');
}

function processLines(status: Status, address: string, nowMs: number): string[] {
  const { process, health } = status;
  const serving = isServing(health);
  const down = health.filter(({ status }) => status !== HealthStatus.HEALTH_STATUS_SERVING).length;
  const names =
    down === 0 ? `all ${health.length} health names` : `${health.length - down} of ${health.length} health names`;
  const state = serving ? styleText('green', 'serving') : styleText('red', 'not serving');
  if (!process) return [`mesh at ${address}: ${state}`];
  const { version, nodeVersion, pid, startTime, services, grpcEngine, database, events, tasks, tokens } = process;
  const own = `${state} (${names} serve)`;
  const first = isAlone(status)
    ? [own]
    : [countsOf(status), `  answered  by a process of ${services.join(', ')}: ${own}`];
  const [head = '', ...answered] = first;
  return [
    `ordermesh ${version} at ${address}: ${head}`,
    ...answered,
    `  running   for ${ageOf(startTime, nowMs)}, pid ${pid}, Node ${nodeVersion}`,
    `  services  ${services.join(', ')}`,
    `  parts     engine ${grpcEngine}, database ${database}, events ${events}, tasks ${tasks}`,
    `  tokens    ${tokensText(tokens)}`,
  ];
}

function tokensText(tokens: AcceptedTokens | undefined): string {
  if (!tokens) return 'not checked: whoever reaches it may call everything';
  return `issuer ${escapeControls(tokens.issuer)}, audience ${escapeControls(tokens.audience)}`;
}

function waitingRows({ outboxes, queues, consumers, failing }: Status, nowMs: number): string[][] {
  return [
    ...outboxes.flatMap(({ service, events, oldestEventTime, tasks, oldestTaskTime }) => [
      [`outbox of ${service}: events`, `${events}`, ageOf(oldestEventTime, nowMs)],
      ...(tasks > 0n ? [[`outbox of ${service}: tasks`, `${tasks}`, ageOf(oldestTaskTime, nowMs)]] : []),
    ]),
    ...queues.map(({ queue, tasks, overdue }) => {
      const overdueS = Number(overdue?.seconds ?? 0n);
      const failed = failing.find(({ part }) => part === `queue ${queue}`);
      const retried = failed ? `retried for ${ageOf(failed.sinceTime, nowMs)}` : '-';
      return [`queue ${queue}: tasks`, `${tasks}`, overdueS > 0 ? `${spanText(overdueS)} overdue` : retried];
    }),
    ...consumers.map(({ group, topic, eventsBehind }) => [`group ${group}: ${topic}`, `${eventsBehind}`, '-']),
  ];
}

function sagaRows({ sagas }: Status, nowMs: number): string[][] {
  return sagas.map(({ name, state, count: number, oldestTime }) => {
    return [name, sagaStateToJSON(state).replace('SAGA_STATE_', ''), `${number}`, ageOf(oldestTime, nowMs)];
  });
}

function deadLetterRows({ deadLetters }: Status, nowMs: number): string[][] {
  return deadLetters.map(({ source, origin, count: number, oldestTime }) => {
    const kind = deadLetterSourceToJSON(source).replace('DEAD_LETTER_SOURCE_', '').toLowerCase();
    return [kind, origin, `${number}`, ageOf(oldestTime, nowMs)];
  });
}

const skippedFixes: Readonly<Record<string, string>> = {
  'unknown-type': 'update the service, then replay the group',
  'too-old': 'none if the group had handled them: see "A group that starts over" in docs/operating.md',
  incomplete: 'fix their producer: the log has a warning for each type',
};

function skippedRows({ skippedEvents }: Status): string[][] {
  return skippedEvents.map(({ group, topic, reason, count: number }) => {
    return [group, topic, reason, `${number}`, skippedFixes[reason] ?? ''];
  });
}

function auditText({ lastAudit }: Status, nowMs: number): string {
  if (!lastAudit) return withCommandsHere('none yet: "make audit" runs one now');
  const { checks, endTime } = lastAudit;
  const findings = checks.reduce((sum, check) => sum + check.findings, 0n);
  const unfinished = checks.filter(({ error }) => error !== '').length;
  return `${ageOf(endTime, nowMs)} ago: ${auditSummary({ checks: checks.length, findings, unfinished })}`;
}

function diskText({ disk }: Status): string {
  if (!disk) return 'unknown';
  const { freeBytes, totalBytes, files } = disk;
  const used = files.reduce((sum, { bytes }) => sum + bytes, 0n);
  const largest = files.toSorted((one, other) => Number(other.bytes - one.bytes)).slice(0, 3);
  const shown = largest.map(({ name, bytes }) => `${name} ${sizeText(bytes)}`).join(', ');
  const databases = files.length === 0 ? '' : `; databases ${sizeText(used)}, the largest: ${shown}`;
  return `${sizeText(freeBytes)} of ${sizeText(totalBytes)} free${databases}`;
}

function section(title: string, rows: readonly string[][], headings: readonly string[]): string[] {
  if (rows.length === 0) return [...heading(title), '  none'];
  const table = formatTable([headings, ...rows.map((row) => row.map(escapeControls))]);
  return [...heading(title), ...table.map((line) => `  ${line}`)];
}

function heading(text: string): string[] {
  return ['', styleText('bold', text)];
}

/** Returns how long ago a time was, such as `3 min`. */
export function ageOf(time: Date | undefined, nowMs: number): string {
  return time === undefined ? '-' : spanText(Math.max(0, Math.floor((nowMs - time.getTime()) / 1_000)));
}

/** `12 s`, `3 min`, `2 h 5 min`, `4 d 3 h`. */
function spanText(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${seconds} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function sizeText(bytes: bigint): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [size, unit] = [Number(bytes), 0];
  for (; size >= 1_000 && unit < units.length - 1; unit += 1) size /= 1_000;
  return `${size >= 100 || unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}
