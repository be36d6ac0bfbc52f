/** A postal address. Its fields have the order in which it is stored as JSON. */
export interface Address {
  readonly recipient: string;
  readonly lines: readonly string[];
  readonly city: string;
  readonly postalCode: string;
  readonly countryCode: string;
}

/** Returns the fields of an address alone, in the order in which it is stored: without any others that a message has. */
export function toAddress({ recipient, lines, city, postalCode, countryCode }: Address): Address {
  return { recipient, lines, city, postalCode, countryCode };
}
