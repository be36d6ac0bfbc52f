import type { MethodContract } from '../../contract/contract.ts';
import { invalidRequest } from '../../errors/errors.ts';

/**
 * Throws INVALID_ARGUMENT `INVALID_FIELD` with every rule that `message` breaks. The server does this for a request
 * that is one message; a handler that reads a stream of them decides itself what a broken one means, and calls this.
 */
export function assertValid<Request>(contract: Pick<MethodContract, 'validate'>, message: Request): void {
  const violations = contract.validate(message as never);
  if (violations.length > 0) throw invalidRequest(violations);
}
