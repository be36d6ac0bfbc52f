import { readFile } from 'node:fs/promises';
import {
  createFileRegistry,
  type DescMethod,
  type DescService,
  fromBinary,
  fromJson,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldViolation } from './contract.ts';
import { methodName } from './plugin/names.ts';
import { arbitraryMessage } from './testing/arbitrary-message.ts';
import { contractPool } from './testing/contract-pool.ts';
import { createOracle } from './testing/oracle.ts';
import { textPlaces } from './testing/text-places.ts';

const descriptors = await readFile(new URL('../../gen/descriptors.binpb', import.meta.url));
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
const oracle = createOracle(registry);

/** What is known of a generated contract before its module is loaded. */
interface LoadedContract {
  readonly methods: Readonly<Record<string, LoadedMethod>>;
}

interface LoadedMethod {
  validate(request: unknown): FieldViolation[];
}

interface LoadedDefinition {
  readonly methods: Readonly<Record<string, { readonly requestType: { decode(bytes: Uint8Array): unknown } }>>;
}

const ourServices = [...registry].filter(
  (type): type is DescService => type.kind === 'service' && !type.typeName.startsWith('grpc.'),
);

describe('the validation of a request', () => {
  it.each(ourServices.flatMap(({ methods }) => methods))(
    'finds the fields that protovalidate finds in $input.typeName of $name',
    async (method) => {
      const { validate, decode } = await loadMethod(method);
      fc.assert(
        fc.property(arbitraryMessage(method.input, contractPool), (bytes) => {
          const found = validate(decode(bytes)).map(({ field }) => field);
          expect(found.sort()).toEqual(oracle(method.input, bytes));
        }),
        { numRuns: 60 },
      );
    },
  );
});

const nul = 'a\0b';

describe('a request with NUL', () => {
  const methods = ourServices.flatMap((service) => service.methods);

  it.each(methods.filter(({ input }) => textPlaces(input, nul).length > 0))(
    'is refused with the field, wherever a text of $input.typeName of $name has it',
    async (method) => {
      const { validate, decode } = await loadMethod(method);
      for (const { field, json } of textPlaces(method.input, nul)) {
        const bytes = toBinary(method.input, fromJson(method.input, json));
        expect(validate(decode(bytes)).map((violation) => violation.field)).toContain(field);
      }
    },
  );
});

async function loadMethod(method: DescMethod): Promise<{
  validate: (request: unknown) => FieldViolation[];
  decode: (bytes: Uint8Array) => unknown;
}> {
  const { name: service, file } = method.parent;
  const contracts = await import(generated(`${file.name}.contract.ts`));
  const messages = await import(generated(`${file.name}.ts`));
  const contract: LoadedContract = contracts[`${service}Contract`];
  const definition: LoadedDefinition = messages[`${service}Definition`];
  const validated = contract.methods[methodName(method)];
  const described = definition.methods[methodName(method)];
  if (validated === undefined || described === undefined) throw new Error(`${service} has no ${method.name}`);
  return { validate: validated.validate, decode: (bytes) => described.requestType.decode(bytes) };
}

function generated(path: string): string {
  return new URL(`../../gen/ts/${path}`, import.meta.url).href;
}
