import { randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * What only this process knows, so a call that has it comes from one of its own services. It is never logged or stored.
 */
export interface ProcessSecret {
  readonly text: string;
  /** Whether a text is the secret; takes as long for a text that is nearly it. */
  matches(text: string): boolean;
}

/** Creates the secret of a process: 32 random bytes. */
export function createProcessSecret(): ProcessSecret {
  const text = randomBytes(32).toString('base64url');
  const bytes = Buffer.from(text);
  return {
    text,
    matches(given) {
      const givenBytes = Buffer.from(given);
      return givenBytes.length === bytes.length && timingSafeEqual(givenBytes, bytes);
    },
  };
}
