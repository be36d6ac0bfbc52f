import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProtoWorkspace, type ProtoWorkspace } from '../../mesh/contract/testing/proto-workspace.ts';
import { copyProject } from '../../test/recipes/support/project-copy.ts';
import { findPolicyFaults } from './proto-policy.ts';

let workspace: ProtoWorkspace;

beforeAll(async () => {
  workspace = await createProtoWorkspace();
});

afterAll(() => workspace.remove());

/** Finds the faults of a service `Odd` with these methods, which begin on line 9. */
async function faultsOf(methods: string, access = 'roles: "operator"'): Promise<string[]> {
  await workspace.write(
    'odd/v1/odd.proto',
    `syntax = "proto3"; package odd.v1; import "mesh/v1/policy.proto"; import "buf/validate/validate.proto";
     import "google/api/annotations.proto";
     message Request { string request_id = 1; } message Page { string after_id = 1; } message Other {} message Filter { repeated Kind kinds = 1; }
     message Open { Kind kind = 1; Filter filter = 2; Open open = 3; } enum Kind { KIND_UNSPECIFIED = 0; }
     message Closed { Kind kind = 1 [(buf.validate.field).enum.defined_only = true];
       repeated Kind kinds = 2 [(buf.validate.field).repeated.items.enum.defined_only = true]; }
     service Odd {
       option (mesh.v1.defaults).access = {${access}};
       ${methods}
     }`,
  );
  return findPolicyFaults(await workspace.build());
}

const withTimeout = 'option (mesh.v1.policy).timeout = {seconds: 1};';
const isQuery = 'option idempotency_level = NO_SIDE_EFFECTS;';
const isIdempotent = 'option idempotency_level = IDEMPOTENT;';
const needsKey = 'option (mesh.v1.policy).idempotency_key_required = true;';
const hasRoute = 'option (google.api.http) = {post: "/odd" body: "*"};';
const hasReason = 'option (mesh.v1.policy).no_request_id_reason = "adds nothing twice";';

describe('the check of the contracts', () => {
  it.each([
    ['a query with a deadline', `rpc Get(Other) returns (Other) { ${isQuery} ${withTimeout} }`],
    ['a change with a request_id', `rpc Do(Request) returns (Other) { ${isIdempotent} ${withTimeout} }`],
    ['a change with a reason to have none', `rpc Do(Other) returns (Other) { ${hasReason} ${withTimeout} }`],
    [
      'a change over HTTP that requires a key',
      `rpc Do(Request) returns (Other) { ${isIdempotent} ${withTimeout} ${needsKey} ${hasRoute} }`,
    ],
    ['enums that are defined only', `rpc Get(Closed) returns (Open) { ${isQuery} ${withTimeout} }`],
    ['a stream without a deadline', `rpc List(Other) returns (stream Other) { ${isQuery} }`],
  ])('accepts %s', async (_, method) => {
    await expect(faultsOf(method)).resolves.toEqual([]);
  });

  it("accepts a method whose service's defaults have a deadline", async () => {
    const defaults = 'option (mesh.v1.defaults).timeout = {seconds: 1};';
    await expect(faultsOf(`${defaults} rpc Get(Other) returns (Other) { ${isQuery} }`)).resolves.toEqual([]);
  });

  it.each([
    [
      'a unary method without a deadline',
      `rpc Get(Other) returns (Other) { ${isQuery} }`,
      'Get has no deadline: set timeout in its (mesh.v1.policy), or in the (mesh.v1.defaults) of Odd',
    ],
    [
      'a change without a request_id',
      `rpc Do(Other) returns (Other) { ${isIdempotent} ${withTimeout} }`,
      'Do changes something, but Other has no request_id: add "string request_id"; or, if it is safe without, ' +
        'give no_request_id_reason in its (mesh.v1.policy); or, if it only reads, set idempotency_level = NO_SIDE_EFFECTS',
    ],
    [
      'an upload without a request_id',
      'rpc Import(stream Other) returns (Other);',
      expect.stringContaining('Import changes something, but Other has no request_id'),
    ],
    [
      'a change with a request_id that is not marked',
      `rpc Do(Request) returns (Other) { ${withTimeout} }`,
      'Do has a request_id, but is not retried: set idempotency_level = IDEMPOTENT',
    ],
    [
      'attempts of a method that is never retried',
      `rpc Do(Other) returns (Other) {
        option (mesh.v1.policy) = {timeout: {seconds: 1} max_attempts: 5 no_request_id_reason: "it counts calls"};
      }`,
      'Do is never retried: remove its max_attempts and retryable_codes, or set its idempotency_level',
    ],
    [
      'a listing that does not say how it is resumed',
      `rpc List(Page) returns (stream Other) { ${isQuery} }`,
      'List takes after_id, but does not say what to set there: set resume in its (mesh.v1.policy)',
    ],
    [
      'a reason of a query',
      `rpc Get(Other) returns (Other) { ${isQuery} ${hasReason} ${withTimeout} }`,
      'Get only reads: remove its no_request_id_reason',
    ],
    [
      'a reason of a change with a request_id',
      `rpc Do(Request) returns (Other) { ${isIdempotent} ${hasReason} ${withTimeout} }`,
      'Do has a request_id: remove its no_request_id_reason',
    ],
    [
      'a required key of a query',
      `rpc Get(Other) returns (Other) { ${isQuery} ${withTimeout} ${needsKey} ${hasRoute} }`,
      'Get requires an idempotency key, but only reads: remove idempotency_key_required',
    ],
    [
      'a required key of a change without a request_id',
      `rpc Do(Other) returns (Other) { ${hasReason} ${withTimeout} ${needsKey} ${hasRoute} }`,
      'Do requires an idempotency key, but stores no response under a request_id: remove idempotency_key_required',
    ],
    [
      'a required key of a change without a route',
      `rpc Do(Request) returns (Other) { ${isIdempotent} ${withTimeout} ${needsKey} }`,
      'Do requires an idempotency key over HTTP, but has no google.api.http: remove idempotency_key_required',
    ],
  ])('refuses %s', async (_, method, fault) => {
    const faults = await faultsOf(method);
    expect(faults.map((line) => line.replace('odd/v1/odd.proto:9: ', ''))).toEqual([fault]);
  });

  it('refuses a method without a rule who may call it', async () => {
    const own = 'option (mesh.v1.policy).access = {services: "odd"};';
    const get = (more: string) => `rpc Get(Other) returns (Other) { ${isQuery} ${withTimeout} ${more} }`;
    const [fault] = await faultsOf(get(''), '');
    expect(fault).toContain('policy.access is empty: say who may call it');
    await expect(faultsOf(get(own), '')).resolves.toEqual([]);
  });

  it('refuses a rule for a service that does not exist', async () => {
    const get = `rpc Get(Other) returns (Other) { ${isQuery} ${withTimeout} }`;
    await expect(faultsOf(get, 'services: "*"')).resolves.toEqual([]);
    const [fault, ...others] = await faultsOf(get, 'services: "odd" services: "order"');
    expect(fault).toContain(
      'Get lets service order call it, which has no contract: name the first part of the package',
    );
    expect(fault).toMatch(/one of odd$/);
    expect(others).toEqual([]);
  });

  it('refuses a rule that names no field', async () => {
    const [fault] = await faultsOf(
      `rpc Get(Other) returns (Other) { ${isQuery} ${withTimeout} }`,
      'owner: {request_field: "id"}',
    );
    expect(fault).toContain('odd.v1.Other has no field id');
  });

  it('refuses each enum of a request that takes unknown values', async () => {
    const faults = await faultsOf(`rpc Get(Open) returns (Open) { ${isQuery} ${withTimeout} }`);
    expect(faults).toEqual([
      expect.stringContaining('Get takes any value of Open.kind: set (buf.validate.field).enum.defined_only = true'),
      expect.stringContaining('Get takes any value of Filter.kinds'),
    ]);
  });

  it('fails with the file and line of the method', { timeout: 60_000 }, async () => {
    await using project = await copyProject();
    await project.run('node', 'scripts/protos/third-party-protos.ts');
    await project.run('node', 'scripts/protos/proto-policy.ts');
    await project.edit('proto/user/v1/user.proto', (text) => text.replace('    timeout: {seconds: 5}\n', ''));
    await project.edit('proto/events/v1/events.proto', (text) => text.replace(/ {4}access: \{[^}]*\}\n/, ''));
    const checked = project.run('node', 'scripts/protos/proto-policy.ts');
    await expect(checked).rejects.toThrow(/^proto\/user\/v1\/user\.proto:\d+: CreateUser has no deadline/m);
    await expect(checked).rejects.toThrow(
      /^proto\/events\/v1\/events\.proto:\d+: ListTopics does not say who may call it/m,
    );
  });
});
