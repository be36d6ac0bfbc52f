/** The places of a name in a table. */
export interface NamePlaces {
  /** The place where it was added last. */
  latest: number;
  /** Its places by value. */
  readonly values: ReadonlyMap<string, number>;
}

interface OwnNamePlaces extends NamePlaces {
  readonly values: Map<string, number>;
}

/** Finds the fields of a table by name and value. Each field may be in it only once. */
export class FieldIndex {
  readonly #names = new Map<string, OwnNamePlaces>();

  find(name: string): NamePlaces | undefined {
    return this.#names.get(name);
  }

  add(name: string, value: string, place: number): void {
    const places = this.#names.get(name);
    if (places === undefined) {
      this.#names.set(name, { latest: place, values: new Map([[value, place]]) });
      return;
    }
    places.latest = place;
    places.values.set(value, place);
  }

  /** Removes the field that was added first of those still present. */
  remove(name: string, value: string): void {
    const places = this.#names.get(name);
    places?.values.delete(value);
    if (places?.values.size === 0) this.#names.delete(name);
  }
}
