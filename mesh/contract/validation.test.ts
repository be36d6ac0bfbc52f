import { readFile } from 'node:fs/promises';
import {
  create,
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromJson,
  toBinary,
} from '@bufbuild/protobuf';
import fc from 'fast-check';
import type { TsProtoServiceDefinition } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FieldViolation, ServiceContract } from './contract.ts';
import { formatCandidates } from './testdata/format-candidates.ts';
import { arbitraryMessage, type ValuePool } from './testing/arbitrary-message.ts';
import { createOracle, type Oracle } from './testing/oracle.ts';
import { createProtoWorkspace, type ProtoWorkspace } from './testing/proto-workspace.ts';
import { textPlaces } from './testing/text-places.ts';

let workspace: ProtoWorkspace;
let registry: FileRegistry;
let oracle: Oracle;

beforeAll(async () => {
  workspace = await createProtoWorkspace();
  const fixture = new URL('testdata/rules/v1/rules.proto', import.meta.url);
  await workspace.write('rules/v1/rules.proto', await readFile(fixture, 'utf8'));
  registry = createFileRegistry(await workspace.build());
  oracle = createOracle(registry);
  expect(workspace.generate()).toBe('');
});

afterAll(() => workspace.remove());

interface Codec {
  decode(bytes: Uint8Array): unknown;
}

/** The generated validation of a fixture message: encoded in, violations out. */
async function loadValidation(name: string): Promise<(bytes: Uint8Array) => FieldViolation[]> {
  const messages = await workspace.import('rules/v1/rules.ts');
  const contract = await workspace.import('rules/v1/rules.contract.ts');
  const codec = messages[name] as Codec;
  const validate = contract[`validate${name}`] as (message: unknown) => FieldViolation[];
  return (bytes) => validate(codec.decode(bytes));
}

function messageType(name: string): DescMessage {
  const type = registry.getMessage(`rules.v1.${name}`);
  if (type === undefined) throw new Error(`the fixture has no message ${name}`);
  return type;
}

function fields(violations: readonly FieldViolation[]): string[] {
  return violations.map(({ field }) => field).sort();
}

const small: ValuePool = {
  integers: [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7],
  floats: [-0.5, 0, 0.1, 1, 2, 3, 5, 5.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  texts: [
    '',
    'a',
    'b',
    'ab',
    'a-b',
    'abc',
    'é',
    '😀',
    '😀😀',
    '😀😀😀',
    '😀😀😀😀',
    'aé',
    'ab\u2028',
    'a\u00a0b',
    'a b',
    'a\n',
    'it\'s "a"\\\n',
    '/aa',
    'xa/b',
    'long text',
  ],
};

describe('the generated validation', () => {
  it.each(['Numbers', 'Strings', 'Others', 'Collections', 'Node'])(
    'finds the fields that protovalidate finds in %s',
    async (name) => {
      const validate = await loadValidation(name);
      const type = messageType(name);
      const broken = new Set<string>();
      fc.assert(
        fc.property(arbitraryMessage(type, small), (bytes) => {
          const found = fields(validate(bytes));
          expect(found).toEqual(oracle(type, bytes));
          for (const field of found) broken.add(field.replace(/[.[].*/, ''));
        }),
        { numRuns: 400 },
      );
      // A field that never breaks a rule proves nothing.
      const ruled = type.members.map((member) => member.name).filter((field) => !isRuleless(field));
      expect([...broken].sort()).toEqual(expect.arrayContaining(ruled.sort()));
    },
  );
});

function isRuleless(field: string): boolean {
  const others = ['never_looked_at', 'not_looked_into', 'plain', 'free_choice', 'choice_text'];
  return [...others, 'wrappers', 'wrappers_by_number', 'wrapper', 'optional_text'].includes(field);
}

it('checks formats as protovalidate does', async () => {
  const validate = await loadValidation('Formats');
  const type = messageType('Formats');
  for (const text of formatCandidates) {
    const values = Object.fromEntries(type.fields.map((field) => [field.localName, text]));
    const bytes = toBinary(type, create(type, values));
    expect({ text, broken: fields(validate(bytes)) }).toEqual({ text, broken: oracle(type, bytes) });
  }
});

it('reports the path of a value and what the value must be', async () => {
  const type = messageType('Collections');
  const validate = await loadValidation('Collections');
  const bytes = toBinary(
    type,
    create(type, {
      items: ['ok', 'x'],
      listRequired: ['x'],
      textKeys: { 'a"\\b': 1 },
      numberKeys: { 7: 'x' },
      nodes: [
        {
          inner: { twoWords: 'ok' },
          requiredChoice: { case: 'choiceText', value: 'x' },
          freeChoice: { case: 'freeText', value: 'x' },
        },
      ],
      mapRequired: { x: 1n },
    }),
  );
  expect(validate(bytes)).toEqual([
    { field: 'items[1]', description: 'must be at least 2 characters long' },
    { field: 'nodes[0].choice_text', description: 'must be at least 2 characters long' },
    { field: 'text_keys["a\\"\\\\b"]', description: 'must be greater than 3' },
    { field: 'number_keys[7]', description: 'must be at least 2 characters long' },
  ]);
});

it('reports an empty required value as required, and a choice by its fields', async () => {
  const strings = await loadValidation('Strings');
  const find = (text: string) =>
    strings(toBinary(messageType('Strings'), create(messageType('Strings'), { pattern: text, withPath: text })))
      .filter(({ field }) => field === 'pattern')
      .map(({ description }) => description);
  expect(find('')).toEqual(['is required']);
  expect(find('x')).toEqual(['must match the pattern ^[a-c\\-]+\\s?.$']);
  const node = await loadValidation('Node');
  const bytes = toBinary(messageType('Node'), create(messageType('Node'), {}));
  expect(node(bytes)).toContainEqual({
    field: 'required_choice',
    description: expect.stringMatching(/^exactly one of the fields .*choice_text.* must be set$/),
  });
});

it('does not check the items of a list or map that is too long', async () => {
  const type = messageType('Collections');
  const validate = await loadValidation('Collections');
  const init = { items: ['x', 'x', 'x'], textKeys: { a: 1, b: 1, c: 1 }, listRequired: ['x'], mapRequired: { x: 1n } };
  expect(validate(toBinary(type, create(type, init)))).toEqual([
    { field: 'items', description: 'must have at most 2 items' },
    { field: 'text_keys', description: 'must have at most 2 entries' },
  ]);
});

it('reports every text with NUL of what can be a request', async () => {
  const type = messageType('Collections');
  const validate = await loadValidation('Collections');
  const places = textPlaces(type, 'a\0b');
  expect(places.map(({ field }) => field)).toEqual(
    expect.arrayContaining([
      'items[0]',
      'bool_keys[true]',
      'text_keys["a\0b"]',
      'nodes[0].choice_text',
      'nodes_by_name["key"].plain.anything',
      'wrappers[0]',
      'wrappers_by_number[7]',
      'wrapper',
      'optional_text',
    ]),
  );
  for (const { field, json } of places) {
    expect(validate(toBinary(type, fromJson(type, json)))).toContainEqual({
      field,
      description: 'must not contain NUL (U+0000)',
    });
  }
});

it('generates the policy of each method, with defaults for what the option leaves out', async () => {
  const { RulesServiceContract: contract } = await workspace.import('rules/v1/rules.contract.ts');
  expect(contract).toMatchObject({
    definition: { fullName: 'rules.v1.RulesService' },
    methods: {
      defaults: {
        timeoutMs: 5_000,
        idempotency: 'none',
        maxAttempts: 3,
        retryableCodes: ['UNAVAILABLE'],
        breakerGroup: 'commands',
        priority: 'normal',
      },
      tuned: {
        timeoutMs: 1_500,
        idempotency: 'idempotent',
        maxAttempts: 5,
        retryableCodes: ['UNAVAILABLE', 'ABORTED'],
        breakerGroup: 'slow-ones',
        priority: 'critical',
      },
      streamed: {
        timeoutMs: undefined,
        idempotency: 'no-side-effects',
        maxAttempts: 3,
        breakerGroup: 'queries',
        priority: 'bulk',
      },
    },
  });
});

it('accepts any request without rules', async () => {
  const { RulesServiceContract: contract } = await workspace.import('rules/v1/rules.contract.ts');
  const { methods } = contract as ServiceContract<TsProtoServiceDefinition>;
  expect(methods.tuned?.validate({ anything: '' } as never)).toEqual([]);
  expect(methods.defaults?.validate({} as never)).not.toEqual([]);
});
