import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UsageError } from './run-tool.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

/** Reads arguments that are names, and options. Throws a UsageError that says what is wrong with them. */
export function readArgs<const O extends Options>(args: string[], options: O) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
}
