import { unsendableHeader } from './errors.ts';

// As HTTP has them (RFC 9110, sections 5.1 and 5.5).
const sendableName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;
const sendableValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Checks that headers can be sent as they are: what sends them would drop characters, so two idempotency keys could become the
 * same, or none. Throws INVALID_ARGUMENT `UNSENDABLE_HEADER`.
 */
export function assertSendable(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    const problem = problemOf(name, value);
    if (problem !== undefined) throw unsendableHeader({ name, problem });
  }
}

function problemOf(name: string, value: string): string | undefined {
  if (!sendableName.test(name)) return 'name is not a token';
  if (!sendableValue.test(value)) return 'value has a character that no header can have';
  return value === value.trim() ? undefined : 'value begins or ends with a space';
}
