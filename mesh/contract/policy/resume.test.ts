import { createFileRegistry, type DescMethod, type Registry } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProtoWorkspace, type ProtoWorkspace } from '../testing/proto-workspace.ts';
import { resumeOf } from './resume.ts';

describe('how the streams of a method are resumed', () => {
  let workspace: ProtoWorkspace;

  beforeAll(async () => {
    workspace = await createProtoWorkspace();
  });
  afterAll(() => workspace.remove());

  /** Compiles a method of a service `Odd`. */
  async function compile(method: string): Promise<readonly [DescMethod, Registry]> {
    await workspace.write(
      'odd/v1/odd.proto',
      `syntax = "proto3"; package odd.v1; import "mesh/v1/policy.proto";
       message Request { string after_id = 1; int64 after_version = 2; repeated string after_ids = 3; int32 limit = 4; }
       message Endless { string after_id = 1; repeated int32 limit = 2; }
       message Item { string id = 1; int64 version = 2; int32 small = 3; bool done = 4; Item item = 5; oneof which { string by_oneof = 6; } }
       service Odd { ${method} }`,
    );
    const registry = createFileRegistry(await workspace.build());
    const compiled = registry.getService('odd.v1.Odd')?.methods[0];
    if (compiled === undefined) throw new Error('Odd was not compiled');
    return [compiled, registry];
  }

  async function resume(after: string, cursor: string, method = 'rpc List(Request) returns (stream Item)') {
    const option = `option (mesh.v1.policy).resume = {request_field: "${after}" response_field: "${cursor}"};`;
    return resumeOf(...(await compile(`${method} { ${option} }`)));
  }

  it.each([
    ['after_id', 'id'],
    ['after_version', 'version'],
  ])('is by %s, which takes the last %s', async (after, cursor) => {
    expect(await resume(after, cursor)).toMatchObject({
      after: { name: after },
      cursor: { name: cursor },
      limit: { name: 'limit' },
    });
  });

  it('has no limit if the request has none', async () => {
    expect(await resume('after_id', 'id', 'rpc List(Endless) returns (stream Item)')).toMatchObject({
      limit: undefined,
    });
  });

  it('is not declared by default', async () => {
    expect(resumeOf(...(await compile('rpc List(Request) returns (stream Item);')))).toBeUndefined();
  });

  it.each([
    ['before_id', 'id', 'policy.resume.request_field is "before_id": name a field with one value'],
    ['after_ids', 'id', 'policy.resume.request_field is "after_ids": name a field with one value'],
    ['after_id', 'by_oneof', 'policy.resume.response_field is "by_oneof": name a field with one value'],
    ['after_id', 'item', 'policy.resume.response_field is "item": name a field with one value'],
    ['after_version', 'small', 'policy.resume has after_version and small: use two of string, int32, int64 or uint64'],
    ['after_id', 'done', 'policy.resume has after_id and done: use two of string, int32, int64 or uint64'],
  ])('refuses %s and %s', async (after, cursor, problem) => {
    await expect(resume(after, cursor)).rejects.toThrow(`odd/v1/odd.proto: odd.v1.Odd.List: ${problem}`);
  });

  it('refuses a method without a stream', async () => {
    const unary = 'rpc List(Request) returns (Item)';
    await expect(resume('after_id', 'id', unary)).rejects.toThrow('policy.resume is for server-streaming methods');
  });
});
