import type { TlsIdentity, TlsMaterial } from '../../tls/tls-options.ts';

/** An identity that a test changes. */
export class ChangingIdentity implements TlsIdentity {
  #current: TlsMaterial;
  readonly #listeners = new Set<() => void>();

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

  change(material: Partial<TlsMaterial>): void {
    this.#current = { ...this.#current, ...material };
    for (const listener of this.#listeners) listener();
  }

  /** How many watch it. */
  get listeners(): number {
    return this.#listeners.size;
  }
}
