import type { TlsIdentity, TlsMaterial } from '../../../../mesh/engines/tls/tls-options.ts';

/** A key and certificates that can be replaced while servers and channels use them. */
export class ReplaceableIdentity implements TlsIdentity {
  readonly #listeners = new Set<() => void>();
  #current: TlsMaterial;

  constructor(material: TlsMaterial) {
    this.#current = material;
  }

  get current(): TlsMaterial {
    return this.#current;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * New connections use this from now on; open ones end once their calls have ended if it no longer trusts their peers. Throws
   * if it cannot be used: then what was before stays in use.
   */
  replace(material: TlsMaterial): void {
    const before = this.#current;
    const told: (() => void)[] = [];
    this.#current = material;
    try {
      for (const listener of this.#listeners) {
        told.push(listener);
        listener();
      }
    } catch (error) {
      this.#current = before;
      // Also the one that threw: it may have done a part. It is the last one, should it throw again.
      for (const listener of told) listener();
      throw error;
    }
  }
}
