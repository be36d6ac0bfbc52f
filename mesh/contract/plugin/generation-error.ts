/** A contract that cannot be generated. The text names the file, the message, the field, and what to change. */
export class GenerationError extends Error {
  override readonly name = 'GenerationError';

  constructor(where: string, problem: string) {
    super(`${where}: ${problem}`);
  }
}
