import { notAcceptable } from './errors.ts';
import { type QualityValue, readQualityValues } from './quality-values.ts';

/**
 * Returns the offered media type that the header `Accept` prefers, the first of equals; the first one without the header. Throws
 * INVALID_ARGUMENT `NOT_ACCEPTABLE` if it accepts none.
 */
export function chooseType<Type extends string>(accept: string | undefined, offered: readonly [Type, ...Type[]]): Type {
  const [preferred] = offered;
  if (accept === undefined || accept === '*/*' || accept === preferred || accept.trim() === '') return preferred;
  const ranges = readQualityValues(accept);
  const best = offered
    .map((type) => ({ type, quality: qualityOf(type, ranges) }))
    .reduce((one, other) => (other.quality > one.quality ? other : one));
  if (best.quality === 0) throw notAcceptable({ header: 'Accept', offered });
  return best.type;
}

/** The quality of the most specific range that has the type; 0 if none does. */
function qualityOf(type: string, ranges: readonly QualityValue[]): number {
  const [main] = type.split('/');
  for (const name of [type, `${main}/*`, '*/*']) {
    const range = ranges.find(({ value }) => value === name);
    if (range !== undefined) return range.quality;
  }
  return 0;
}
