/** One broken rule: `field` is the path as in the proto (`items[2].sku`), `description` says what the value must be. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}
