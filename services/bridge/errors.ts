import { type FieldViolation, invalidRequest, type MeshError } from '#mesh';

/** What is wrong with a header whose name is taken. */
export function reservedHeader(name: string): FieldViolation {
  return {
    field: `headers[${JSON.stringify(name)}]`,
    description: 'must not be set: content-type, and names that start with ce_, are set by the server',
  };
}

/** What is wrong with headers that are too many or too long. */
export function headersTooLarge(bytes: number, maxBytes: number): FieldViolation {
  return { field: 'headers', description: `must have at most ${maxBytes} bytes in all, but have ${bytes}` };
}

/** What is wrong with a value that was said to be JSON. */
export function notJson(): FieldViolation {
  return { field: 'json', description: 'must be JSON text' };
}

/** INVALID_ARGUMENT: names each offset to start at that there cannot be. */
export function impossibleOffsets(partitions: readonly number[], count: number): MeshError {
  return invalidRequest(
    partitions.map((partition) => ({
      field: `offsets.by_partition[${partition}]`,
      description: `must be an offset from 0 of one of the ${count} partitions, which count from 0`,
    })),
  );
}
