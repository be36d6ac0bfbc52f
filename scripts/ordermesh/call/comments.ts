import type { DescEnum, DescEnumValue, DescField, DescMessage, DescMethod, DescService } from '@bufbuild/protobuf';

/** What has a comment in a contract. */
export type Commented = DescService | DescMethod | DescMessage | DescField | DescEnum | DescEnumValue;

/** Returns the comment before a declaration, as lines of source. */
export function commentOf(declared: Commented): string[] {
  const path = pathOf(declared).join();
  const locations = fileOf(declared).proto.sourceCodeInfo?.location ?? [];
  const comment = locations.find((location) => location.path.join() === path)?.leadingComments ?? '';
  return comment === ''
    ? []
    : comment
        .trimEnd()
        .split('\n')
        .map((line) => `//${line}`.trimEnd());
}

function fileOf(declared: Commented) {
  return 'file' in declared ? declared.file : declared.parent.file;
}

/** The path of a declaration in its file, by the field numbers of descriptor.proto. */
function pathOf(declared: Commented): number[] {
  switch (declared.kind) {
    case 'service':
      return [6, declared.file.proto.service.indexOf(declared.proto)];
    case 'rpc':
      return [...pathOf(declared.parent), 2, declared.parent.proto.method.indexOf(declared.proto)];
    case 'message':
      if (declared.parent)
        return [...pathOf(declared.parent), 3, declared.parent.proto.nestedType.indexOf(declared.proto)];
      return [4, declared.file.proto.messageType.indexOf(declared.proto)];
    case 'field':
      return [...pathOf(declared.parent), 2, declared.parent.proto.field.indexOf(declared.proto)];
    case 'enum':
      if (declared.parent)
        return [...pathOf(declared.parent), 4, declared.parent.proto.enumType.indexOf(declared.proto)];
      return [5, declared.file.proto.enumType.indexOf(declared.proto)];
    case 'enum_value':
      return [...pathOf(declared.parent), 2, declared.parent.proto.value.indexOf(declared.proto)];
  }
}
