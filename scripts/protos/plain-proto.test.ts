import { describe, expect, it } from 'vitest';
import { withoutCustomOptions } from './plain-proto.ts';

describe('withoutCustomOptions', () => {
  it('removes custom options of files, messages, methods and fields, and keeps built-in ones', () => {
    const source = `
import "buf/validate/validate.proto";
import "google/protobuf/empty.proto";

option java_package = "a; [b]";
option (own) = 1;

// A note; it [may] keep "this".
message Note {
  option (buf.validate.message).cel = {id: "a", expression: "this.size() > 0; \\"}\\""};
  string id = 1 [(buf.validate.field).string = {min_len: 1, in: ["a", "]"]}];
  int32 old = 2 [deprecated = true, (buf.validate.field).int32.gt = 0, json_name = "older"];
}
`;
    expect(withoutCustomOptions(source)).toBe(`
import "google/protobuf/empty.proto";

option java_package = "a; [b]";

// A note; it [may] keep "this".
message Note {
  string id = 1;
  int32 old = 2 [deprecated = true, json_name = "older"];
}
`);
  });
});
