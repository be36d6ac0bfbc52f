/** A contract whose options are not valid, or for which no code can be generated. The text names the file, the message, the field, and what to change. */
export class ContractError extends Error {
  override readonly name = 'ContractError';

  constructor(where: string, problem: string) {
    super(`${where}: ${problem}`);
  }
}
