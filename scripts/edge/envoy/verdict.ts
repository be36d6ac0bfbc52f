import { isDeepStrictEqual } from 'node:util';
import { type Compared, describeAnswer, type NamedProbe } from './comparison.ts';
import { describeOutcome, isSame, type Outcome } from './outcome.ts';

/** What both did with a probe. */
export interface Verdict {
  readonly name: string;
  readonly envoy: string;
  readonly ordermesh: string;
  /** `equal`, why it is not, or what is wrong. */
  readonly text: string;
  readonly kind: 'equal' | 'intended' | 'fault';
}

/** Judges what both did with a probe: a fault is a difference that is not intended, or an intended one that is none. */
export function judge({ name, probe, differing }: NamedProbe, theirs: Outcome, ours: Outcome): Verdict {
  const did = { name, envoy: describeOutcome(theirs, ours), ordermesh: describeOutcome(ours, theirs) };
  const fault = (text: string): Verdict => ({ ...did, text, kind: 'fault' });
  if (!isAsExpected(ours, probe)) return fault(`ordermesh was to answer ${describeAnswer(probe.answer)}`);
  const isEqual = isSame(theirs, ours);
  if (differing === undefined) return isEqual ? { ...did, text: 'equal', kind: 'equal' } : fault('they differ');
  if (isEqual) return fault('the intended difference is none');
  if (did.envoy !== differing.envoy) return fault(`Envoy was to answer ${differing.envoy}`);
  return { ...did, text: differing.because, kind: 'intended' };
}

function isAsExpected({ status, calls, reason, fields, allow }: Outcome, { answer }: Compared): boolean {
  if ('calls' in answer) {
    return status === 200 && isDeepStrictEqual(calls, [{ method: answer.calls, request: answer.request }]);
  }
  if ('status' in answer) return status === answer.status;
  // What the parser of HTTP refuses gets no further.
  if (reason === 'MALFORMED_HTTP') return status === 400;
  if ('refuses' in answer) return status === 400 && isDeepStrictEqual(fields, answer.refuses);
  if ('allows' in answer) return status === 405 && isDeepStrictEqual(allow, answer.allows);
  return status === 404;
}
