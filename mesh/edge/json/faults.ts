import type { FieldViolation } from '../../contract/contract.ts';

/** More than these are not reported: a client corrects the first ones first. */
const maxFaults = 100;
/** The part of a name or value from a request that a fault repeats. */
const shownCharacters = 100;

/** Collects what is wrong with a request, by field path as in the contract: `items[2].sku`. */
export class Faults {
  readonly violations: FieldViolation[] = [];

  get count(): number {
    return this.violations.length;
  }

  /** Adds a fault of a field; `''` is the value itself that is being read. `description` completes "<field> …". */
  add(field: string, description: string): void {
    if (this.violations.length < maxFaults) this.violations.push({ field: shorten(field), description });
  }

  /** Moves the faults from index `from` on below a field: `sku` becomes `items[2].sku` with the prefix `items[2]`. */
  prefix(from: number, prefix: string): void {
    for (let index = from; index < this.violations.length; index += 1) {
      const { field, description } = this.violations[index] ?? { field: '', description: '' };
      this.violations[index] = { field: joinPath(prefix, field), description };
    }
  }
}

/** Cuts a text from a request for a fault. */
export function shorten(text: string): string {
  return text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters).toWellFormed()}…`;
}

function joinPath(prefix: string, field: string): string {
  if (field === '' || prefix === '') return prefix + field;
  return field.startsWith('[') ? prefix + field : `${prefix}.${field}`;
}
