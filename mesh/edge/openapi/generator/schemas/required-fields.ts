import { create, type DescField, type DescMessage, type Registry } from '@bufbuild/protobuf';
import { createValidator } from '@bufbuild/protovalidate';

/** Returns the fields that a request has to have because of their rules. */
export type RequiredFields = (message: DescMessage) => ReadonlySet<DescField>;

/**
 * Creates a finder that looks at each message once. A rule that the zero value breaks requires its field, because protobuf does
 * not tell zero from missing; protovalidate knows which do.
 */
export function createRequiredFields(registry: Registry): RequiredFields {
  const validator = createValidator({ registry });
  const known = new Map<DescMessage, ReadonlySet<DescField>>();

  function find(message: DescMessage): ReadonlySet<DescField> {
    const result = validator.validate(message, create(message));
    if (result.kind === 'error') throw result.error;
    const broken = new Set((result.violations ?? []).map(({ field: [first] }) => first));
    return new Set(message.fields.filter((field) => broken.has(field)));
  }

  return (message) => {
    const required = known.get(message) ?? find(message);
    known.set(message, required);
    return required;
  };
}
