import { createFileRegistry, type DescMethod, type Registry } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProtoWorkspace, type ProtoWorkspace } from '../testing/proto-workspace.ts';
import { accessOf } from './access.ts';

describe('who may call a method', () => {
  let workspace: ProtoWorkspace;

  beforeAll(async () => {
    workspace = await createProtoWorkspace();
  });
  afterAll(() => workspace.remove());

  /** Compiles a method of a service `Odd`. */
  async function compile(method: string, defaults = ''): Promise<readonly [DescMethod, Registry]> {
    await workspace.write(
      'odd/v1/odd.proto',
      `syntax = "proto3"; package odd.v1; import "mesh/v1/policy.proto";
       message Note { string user_id = 1; int64 number = 2; repeated string readers = 3; Note parent = 4; map<string, Note> notes = 5;
         oneof by { string writer = 6; } optional string editor = 7; }
       service Odd { ${defaults} ${method} }`,
    );
    const registry = createFileRegistry(await workspace.build());
    const compiled = registry.getService('odd.v1.Odd')?.methods[0];
    if (compiled === undefined) throw new Error('Odd was not compiled');
    return [compiled, registry];
  }

  const reads = 'option idempotency_level = NO_SIDE_EFFECTS;';

  async function access(rule: string, method = 'rpc Get(Note) returns (Note)', options = reads) {
    return accessOf(...(await compile(`${method} { ${options} option (mesh.v1.policy).access = {${rule}}; }`)));
  }

  it('is not said by default', async () => {
    expect(accessOf(...(await compile('rpc Get(Note) returns (Note);')))).toBeUndefined();
  });

  it('is what its service says, unless it says something itself', async () => {
    const defaults = 'option (mesh.v1.defaults).access = {roles: "operator"};';
    expect(accessOf(...(await compile('rpc Get(Note) returns (Note);', defaults)))?.roles).toEqual(['operator']);
    const own = 'rpc Get(Note) returns (Note) { option (mesh.v1.policy).access = {services: "order"}; }';
    expect(accessOf(...(await compile(own, defaults)))).toMatchObject({ services: ['order'], roles: [] });
  });

  it.each([
    ['owner: {request_field: "user_id"}', { in: 'request', fields: [{ name: 'user_id' }] }],
    ['owner: {request_field: "parent.user_id"}', { in: 'request', fields: [{ name: 'parent' }, { name: 'user_id' }] }],
    ['owner: {request_field: "editor"}', { in: 'request', fields: [{ name: 'editor' }] }],
    ['owner: {response_field: "user_id"}', { in: 'response', fields: [{ name: 'user_id' }] }],
    ['owner: {checked_by_handler: true}', { in: 'handler' }],
  ])('takes the owner from %s', async (rule, owner) => {
    expect((await access(rule))?.owner).toMatchObject(owner);
  });

  it.each([
    ['', 'policy.access is empty'],
    ['roles: "Operator"', 'policy.access.roles has "Operator": use lowercase letters, digits and dashes, or "*"'],
    ['services: "spiffe://shop/order"', 'policy.access.services has "spiffe://shop/order"'],
    ['services: "edge"', 'policy.access.services has edge, which passes on calls of all users'],
    ['services: "gateway"', 'policy.access.services has gateway'],
    ['anyone: true roles: "operator"', 'policy.access is for anyone, so its other rules mean nothing'],
    ['roles: "*" roles: "operator"', 'policy.access is for each user, so other roles and owner mean nothing'],
    ['roles: "*" owner: {request_field: "user_id"}', 'policy.access is for each user'],
    ['owner: {}', 'policy.access.owner is empty'],
    ['owner: {checked_by_handler: false}', 'policy.access.owner.checked_by_handler is false'],
    [
      'owner: {request_field: "userId"}',
      'policy.access.owner.request_field is "userId": odd.v1.Note has no field userId',
    ],
    ['owner: {request_field: "parent.id"}', 'is "parent.id": odd.v1.Note has no field id'],
    ['owner: {request_field: "user_id.id"}', 'is "user_id.id": a scalar has no field id'],
    ['owner: {request_field: "number"}', 'is "number": name a field with one string'],
    ['owner: {request_field: "readers"}', 'is "readers": name a field with one string'],
    ['owner: {request_field: "parent"}', 'is "parent": name a field with one string'],
    ['owner: {request_field: "notes.user_id"}', 'is "notes.user_id": a scalar has no field user_id'],
    ['owner: {request_field: "writer"}', 'is "writer": writer is one of several'],
    ['owner: {request_field: ""}', 'is "": odd.v1.Note has no field'],
  ])('refuses %s', async (rule, problem) => {
    await expect(access(rule)).rejects.toThrow(`odd/v1/odd.proto: odd.v1.Odd.Get: `);
    await expect(access(rule)).rejects.toThrow(problem);
  });

  it('refuses to check the response of a change', async () => {
    const rule = 'owner: {response_field: "user_id"}';
    const method = 'rpc Do(Note) returns (Note)';
    await expect(access(rule, method, '')).rejects.toThrow('response_field is checked after the change');
  });

  it('refuses to check a stream of requests before its handler', async () => {
    const rule = 'owner: {request_field: "user_id"}';
    const method = 'rpc Do(stream Note) returns (Note)';
    await expect(access(rule, method)).rejects.toThrow('request_field is not for streams of requests');
  });
});
