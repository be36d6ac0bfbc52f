import { sqsNotInstalled } from '../../errors.ts';

/** The optional package, in the version that the tests use. */
export const sqsPackage = '@aws-sdk/client-sqs@3.1175.0';

export type SqsModule = typeof import('@aws-sdk/client-sqs');

/** Loads the client of SQS, which is not installed by default. Throws `TASKS_MISCONFIGURED` with the command that installs it. */
export async function loadSqsClient(
  load: () => Promise<SqsModule> = () => import('@aws-sdk/client-sqs'),
): Promise<SqsModule> {
  try {
    return await load();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')
      throw sqsNotInstalled({ name: sqsPackage }, { cause: error });
    throw error;
  }
}
