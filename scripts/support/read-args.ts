import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UsageError } from './run-tool.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

/** Reads arguments that are names, and options. Throws a UsageError that says what is wrong with them. */
export function readArgs<const O extends Options>(args: string[], options: O) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    // Node goes on with how an argument that begins with a dash is to be quoted, which none of the tools takes.
    if (error instanceof TypeError) throw new UsageError(error.message.replace(/\. To specify a positional .*$/s, ''));
    throw error;
  }
}
