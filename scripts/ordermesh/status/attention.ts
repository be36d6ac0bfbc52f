import { HealthStatus, type NamedHealth } from '#gen/ops/v1/health.ts';
import { SagaState } from '#gen/ops/v1/ops.ts';
import type { Status } from '#gen/ops/v1/status.ts';
import { count } from '../cli.ts';

/** A disk with less free space fills up before anyone looks again. */
const minFreeBytes = 1_000_000_000n;

/** Lists what an operator has to look at: what it is, and what to do. Empty if nothing. */
export function attentionOf(status: Status): string[] {
  const { health, sagas, deadLetters, projections, lastAudit, disk, unknown } = status;
  const parked = sumOf(sagas.filter(({ state }) => state === SagaState.SAGA_STATE_NEEDS_ATTENTION));
  const dead = sumOf(deadLetters);
  const findings = lastAudit?.checks.reduce((sum, check) => sum + check.findings, 0n) ?? 0n;
  const unfinished = lastAudit?.checks.filter(({ error }) => error !== '').length ?? 0;
  return [
    ...problemsOf(health),
    ...unknown.map(({ part, message }) => `${part}: unknown: ${message}`),
    ...(parked > 0n
      ? [`${count(parked, 'saga')} parked: ListSagas in ops.v1.SagaService shows why (docs/operating.md)`]
      : []),
    ...(dead > 0n ? [`${count(dead, 'dead letter')}: list them with "make dead-letters"`] : []),
    ...projections
      .filter(({ parkedEvents }) => parkedEvents > 0n)
      .map(
        ({ name, parkedEvents }) =>
          `projection ${name} parked ${count(parkedEvents, 'event')}: see "make dead-letters"`,
      ),
    ...(findings > 0n ? [`${count(findings, 'finding')} in the last audit: run "make audit"`] : []),
    ...(unfinished > 0 ? [`${count(unfinished, 'check')} of the last audit could not finish: run "make audit"`] : []),
    ...(disk && disk.freeBytes < minFreeBytes ? ['less than 1 GB of disk is left: free space before it is full'] : []),
  ];
}

/** The failing checks, each once with the names that do not serve because of it. */
function problemsOf(health: readonly NamedHealth[]): string[] {
  const failing = health.filter(({ status }) => status !== HealthStatus.HEALTH_STATUS_SERVING);
  const namesOf = new Map<string, string[]>();
  for (const { name, problems } of failing) {
    for (const { check, message } of problems) {
      const text = `${check === '' ? '' : `${check}: `}${message}`;
      namesOf.set(text, [...(namesOf.get(text) ?? []), name === '' ? 'the process' : name]);
    }
  }
  return [...namesOf].map(([text, names]) => `not serving (${names.join(', ')}): ${text}`);
}

function sumOf(counts: readonly { readonly count: bigint }[]): bigint {
  return counts.reduce((sum, each) => sum + each.count, 0n);
}
