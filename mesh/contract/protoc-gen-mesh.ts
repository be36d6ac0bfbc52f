#!/usr/bin/env node
import { buffer } from 'node:stream/consumers';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type CodeGeneratorRequest,
  CodeGeneratorRequestSchema,
  type CodeGeneratorResponse,
  CodeGeneratorResponseSchema,
} from '@bufbuild/protobuf/wkt';
import { ContractError } from './contract-error.ts';
import { generate } from './plugin/generate.ts';

/**
 * The protoc plugin: reads a request from stdin and writes the response to stdout. If it cannot generate a contract, the
 * response has an error, which buf and protoc print.
 */
async function main(): Promise<void> {
  const request = fromBinary(CodeGeneratorRequestSchema, await buffer(process.stdin));
  process.stdout.write(toBinary(CodeGeneratorResponseSchema, respond(request)));
}

function respond(request: CodeGeneratorRequest): CodeGeneratorResponse {
  try {
    return generate(request);
  } catch (error) {
    if (error instanceof ContractError) return create(CodeGeneratorResponseSchema, { error: error.message });
    throw error;
  }
}

await main();
