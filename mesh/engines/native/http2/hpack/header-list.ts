/** The fields of a header block. A block that came before may give the very same object, so it is not to be changed. */
export class HeaderList {
  /** In order: name, value, name, value, …; empty when there were too many of them. */
  readonly fields: readonly string[];
  /** The size as RFC 9113 section 6.5.2 counts it: names and values, and 32 for each field. */
  readonly bytes: number;
  /** Whether it is larger than the decoder keeps. The stream can be refused; the connection may go on. */
  readonly tooLarge: boolean;
  /** A place for what its reader made of it, to be found there when the same block comes again. */
  derived: unknown = undefined;

  constructor(fields: readonly string[], bytes: number, tooLarge: boolean) {
    this.fields = fields;
    this.bytes = bytes;
    this.tooLarge = tooLarge;
  }
}
