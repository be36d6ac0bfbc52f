interface Recent {
  readonly name: string;
  readonly value: string;
  readonly index: number;
  readonly tableVersion: number;
}

const places = 16;

/**
 * Remembers the index of the field that stood last at each place of a block. Blocks are mostly like the one before, and to
 * look here first costs a fraction of a search in the tables.
 */
export class RecentIndexes {
  readonly #recent = new Array<Recent | undefined>(places).fill(undefined);

  /** The index of a field, when the last one at this place was the same and the table still is; else 0. */
  find(place: number, name: string, value: string, tableVersion: number): number {
    const recent = place < places ? this.#recent[place] : undefined;
    if (recent === undefined || recent.tableVersion !== tableVersion) return 0;
    return recent.name === name && recent.value === value ? recent.index : 0;
  }

  remember(place: number, name: string, value: string, index: number, tableVersion: number): void {
    if (place < places) this.#recent[place] = { name, value, index, tableVersion };
  }
}
