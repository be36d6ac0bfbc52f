import { HealthStatus } from '#gen/ops/v1/health.ts';
import { SagaState } from '#gen/ops/v1/ops.ts';
import type { Disk, FailingWork, InstanceStatus, SkippedEvents, Status } from '#gen/ops/v1/status.ts';
import { withCommandsHere } from '../../../mesh/errors/commands-here.ts';
import { count } from '../cli.ts';
import { ageOf, isProcess } from './status-text.ts';
import { expiryAttention } from './tls-expiries.ts';

/** A disk with less free space fills up before anyone looks again. */
const minFreeBytes = 1_000_000_000n;

/** Processes are named up to this number; beyond, their services. */
const maxPlaces = 4;

/** Lists what an operator has to look at, the most important first: what it is, and what to do. Empty if nothing. */
export function attentionOf(status: Status, nowMs: number): string[] {
  const { sagas, deadLetters, projections, lastAudit, disk, instances } = status;
  const parked = sumOf(sagas.filter(({ state }) => state === SagaState.SAGA_STATE_NEEDS_ATTENTION));
  const dead = sumOf(deadLetters);
  const findings = lastAudit?.checks.reduce((sum, check) => sum + check.findings, 0n) ?? 0n;
  const unfinished = lastAudit?.checks.filter(({ error }) => error !== '').length ?? 0;
  const texts = [
    ...status.unknown.filter(isProcess).map(({ message }) => message),
    ...causesOf(status),
    ...status.failing.map((failing) => failingText(failing, nowMs)),
    ...(parked > 0n
      ? [`${count(parked, 'saga')} parked: ListSagas in ops.v1.SagaService shows why (docs/operating.md)`]
      : []),
    ...(dead > 0n ? [`${count(dead, 'dead letter')}: list them with "make dead-letters"`] : []),
    ...status.skippedEvents.flatMap(skippedText),
    ...projections
      .filter(({ parkedEvents }) => parkedEvents > 0n)
      .map(
        ({ name, parkedEvents }) =>
          `projection ${name} parked ${count(parkedEvents, 'event')}: see "make dead-letters"`,
      ),
    ...(findings > 0n ? [`${count(findings, 'finding')} in the last audit: run "make audit"`] : []),
    ...(unfinished > 0 ? [`${count(unfinished, 'check')} of the last audit could not finish: run "make audit"`] : []),
    ...[
      { place: '', process: status.process },
      ...instances.map((each) => ({ ...each, place: placeOf(each) })),
    ].flatMap(refusedText),
    ...expiryAttention(status, nowMs),
    ...[{ place: '', disk }, ...instances.map((each) => ({ place: placeOf(each), disk: each.disk }))].flatMap(diskText),
  ];
  return texts.map((text) => withCommandsHere(text));
}

function placeOf({ name, address }: InstanceStatus): string {
  return `${name}@${address}`;
}

function refusedText({ place, process }: Pick<InstanceStatus, 'process'> & { readonly place: string }): string[] {
  const of = place === '' ? '' : `${place}: `;
  return (process?.refusedTlsFiles ?? []).map(({ problem }) => `${of}${problem}; the last valid one stays in use`);
}

function diskText({ place, disk }: { readonly place: string; readonly disk: Disk | undefined }): string[] {
  if (!disk || disk.freeBytes >= minFreeBytes) return [];
  return [`less than 1 GB of disk is left${place === '' ? '' : ` of ${place}`}: free space before it is full`];
}

/** The error names the setting to check. */
function failingText({ part, waiting, sinceTime, lastError }: FailingWork, nowMs: number): string {
  return `${part}: has failed for ${ageOf(sinceTime, nowMs)} (${waiting} waiting) and is retried: ${lastError}`;
}

/** What is incomplete needs no operator here: its producer has to be fixed. */
function skippedText({ service, group, topic, reason, count: number }: SkippedEvents): string[] {
  const events = `group ${group} skipped ${count(number, 'event')} of ${topic}`;
  if (reason === 'unknown-type')
    return [`${events} of an unknown type: update the service ${service}, then "make replay GROUP=${group}"`];
  if (reason === 'too-old')
    return [`${events} because it started over: see "A group that starts over" in docs/operating.md`];
  return [];
}

/** What one cause affects. */
interface Effects {
  /** The texts that differ only in the name of a database, or in what the connection ended with. */
  readonly messages: Set<string>;
  readonly notServing: Set<string>;
  readonly unknown: Set<string>;
  /** In which processes. */
  readonly places: Set<string>;
}

/** One line for each cause, with what does not serve or is not known because of it. What ends the most contracts comes first. */
function causesOf(status: Status): string[] {
  const { unknown, instances } = status;
  const processes = [{ place: '', ...status }, ...instances.map((each) => ({ place: placeOf(each), ...each }))];
  const isOnServer = processes.some(({ process }) => process?.database.startsWith('postgres'));
  const withoutName = (message: string) => (isOnServer ? withoutDatabase(message) : message);
  const causes = new Map<string, Effects>();
  const effectsOf = (message: string, place: string): Effects => {
    const cause = withoutErrno(withoutName(message));
    const effects = causes.get(cause) ?? newEffects();
    causes.set(cause, effects);
    effects.messages.add(message);
    effects.places.add(place);
    return effects;
  };
  for (const { place, health } of processes) {
    for (const { name, status, problems } of health) {
      if (status === HealthStatus.HEALTH_STATUS_SERVING) continue;
      for (const { check, message } of problems) {
        const { notServing } = effectsOf(message, place);
        notServing.add(name === '' ? 'the process' : name);
        if (check !== '') notServing.add(check);
      }
    }
  }
  for (const each of unknown) if (!isProcess(each)) effectsOf(each.message, each.instance).unknown.add(each.part);
  const texts = [...causes.values()].map(({ messages, notServing, unknown, places }) => {
    const [message = ''] = messages;
    const names = [...notServing].toSorted((one, other) => Number(isContract(other)) - Number(isContract(one)));
    const effects = [
      ...listed('not serving', names),
      ...listed('unknown', [...unknown]),
      ...(instances.length === 0 ? [] : [placesText([...places], processes.length)]),
    ];
    const text = `${messages.size === 1 ? message : withoutName(message)} (${effects.join('; ')})`;
    return { text, contracts: names.filter(isContract).length };
  });
  return texts.toSorted((one, other) => other.contracts - one.contracts).map(({ text }) => text);
}

function newEffects(): Effects {
  return { messages: new Set(), notServing: new Set(), unknown: new Set(), places: new Set() };
}

/** Whether a health name is of a contract, which callers call: `order.v1.OrderService`. */
function isContract(name: string): boolean {
  return /\.v\d+\./.test(name);
}

/** `in all 20 processes`, `in order@127.0.0.1:21011`, `in 7 of 20 processes: order, user`. */
function placesText(places: readonly string[], total: number): string {
  if (places.length === total) return `in all ${total} processes`;
  const named = places.map((place) => (place === '' ? 'the process that answered' : place));
  if (named.length <= maxPlaces) return `in ${named.join(', ')}`;
  const services = new Set(named.map((place) => place.replace(/@.*/, '')));
  return `in ${places.length} of ${total} processes: ${[...services].join(', ')}`;
}

function listed(label: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${label}: ${names.join(', ')}`];
}

/** A server that is away affects each of its databases. A damaged database is a cause of its own. */
function withoutDatabase(message: string): string {
  return message.replace(/^database ([^\s/]+)\/\S+ (?=cannot be used|cannot grow|rejects|timed out)/, 'database $1/… ');
}

/** What a connection ended with differs from process to process. */
function withoutErrno(message: string): string {
  return message.replace(/\b(?:read|write|connect) E[A-Z]+(?: [\w.:[\]]+)?/g, '…');
}

function sumOf(counts: readonly { readonly count: bigint }[]): bigint {
  return counts.reduce((sum, each) => sum + each.count, 0n);
}
