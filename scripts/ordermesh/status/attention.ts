import { HealthStatus } from '#gen/ops/v1/health.ts';
import { SagaState } from '#gen/ops/v1/ops.ts';
import type { Disk, FailingWork, InstanceStatus, SkippedEvents, Status } from '#gen/ops/v1/status.ts';
import { count } from '../cli.ts';
import { ageOf } from './status-text.ts';

/** A disk with less free space fills up before anyone looks again. */
const minFreeBytes = 1_000_000_000n;

/** Lists what an operator has to look at: what it is, and what to do. Empty if nothing. */
export function attentionOf(status: Status, nowMs: number): string[] {
  const { sagas, deadLetters, projections, lastAudit, disk, instances } = status;
  const parked = sumOf(sagas.filter(({ state }) => state === SagaState.SAGA_STATE_NEEDS_ATTENTION));
  const dead = sumOf(deadLetters);
  const findings = lastAudit?.checks.reduce((sum, check) => sum + check.findings, 0n) ?? 0n;
  const unfinished = lastAudit?.checks.filter(({ error }) => error !== '').length ?? 0;
  return [
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
    ...[{ place: '', disk }, ...instances.map((each) => ({ place: placeOf(each), disk: each.disk }))].flatMap(diskText),
  ];
}

function placeOf({ name, address }: InstanceStatus): string {
  return `${name}@${address}`;
}

/** `the process of order@127.0.0.1:21051`. */
function at(name: string, place: string): string {
  return place === '' ? name : `${name} of ${place}`;
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
  /** The texts that differ only in the name of a database. */
  readonly messages: Set<string>;
  readonly notServing: Set<string>;
  readonly unknown: Set<string>;
}

/** One line for each cause, with what does not serve or is not known because of it. */
function causesOf({ health, unknown, process, instances }: Status): string[] {
  const isOnServer = process?.database.startsWith('postgres') === true;
  const causes = new Map<string, Effects>();
  const effectsOf = (message: string): Effects => {
    const cause = isOnServer ? withoutDatabase(message) : message;
    const effects = causes.get(cause) ?? { messages: new Set(), notServing: new Set(), unknown: new Set() };
    causes.set(cause, effects);
    effects.messages.add(message);
    return effects;
  };
  const processes = [{ place: '', health }, ...instances.map((each) => ({ ...each, place: placeOf(each) }))];
  for (const { place, health } of processes) {
    for (const { name, status, problems } of health) {
      if (status === HealthStatus.HEALTH_STATUS_SERVING) continue;
      for (const { check, message } of problems) {
        const { notServing } = effectsOf(message);
        notServing.add(at(name === '' ? 'the process' : name, place));
        if (check !== '') notServing.add(at(check, place));
      }
    }
  }
  for (const { part, message, instance } of unknown) effectsOf(message).unknown.add(at(part, instance));
  return [...causes].map(([cause, { messages, notServing, unknown }]) => {
    const [message = cause, ...others] = messages;
    const effects = [...listed('not serving', notServing), ...listed('unknown', unknown)].join('; ');
    return `${others.length === 0 ? message : cause} (${effects})`;
  });
}

function listed(label: string, names: ReadonlySet<string>): string[] {
  return names.size === 0 ? [] : [`${label}: ${[...names].join(', ')}`];
}

/** A server that is away affects each of its databases. A damaged database is a cause of its own. */
function withoutDatabase(message: string): string {
  return message.replace(/^database ([^\s/]+)\/\S+ (?=cannot be used|cannot grow|rejects|timed out)/, 'database $1/… ');
}

function sumOf(counts: readonly { readonly count: bigint }[]): bigint {
  return counts.reduce((sum, each) => sum + each.count, 0n);
}
