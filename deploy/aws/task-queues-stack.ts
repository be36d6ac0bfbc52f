import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

export interface TaskQueuesProps extends StackProps {
  /** What the names of the queues begin with, as in `TASKS_URL=sqs://<region>/<prefix>?queues=existing`. Default: nothing. */
  readonly prefix?: string;
}

/**
 * The queue of the mails with its dead letter queue, and the least rights that a process needs to send or to work on tasks. Attach
 * the policies to the roles of the processes.
 */
export class TaskQueuesStack extends Stack {
  constructor(scope: Construct, id: string, { prefix = '', ...props }: TaskQueuesProps = {}) {
    super(scope, id, { analyticsReporting: false, ...props });
    const dlq = new Queue(this, 'EmailDLQ', {
      queueName: `${prefix}email-jobs-dlq`,
      retentionPeriod: Duration.days(14),
      enforceSSL: true,
    });
    const emailQueue = new Queue(this, 'EmailQueue', {
      queueName: `${prefix}email-jobs`,
      deadLetterQueue: { queue: dlq, maxReceiveCount: 3 }, // After 3 failed attempts → DLQ
      // By default SQS deletes a message after 4 days, whether it was received or not.
      retentionPeriod: Duration.days(14),
      visibilityTimeout: Duration.seconds(60),
      receiveMessageWaitTime: Duration.seconds(20),
      enforceSSL: true,
    });
    const sends = ['sqs:GetQueueUrl', 'sqs:GetQueueAttributes', 'sqs:SendMessage'];
    const takes = ['sqs:ReceiveMessage', 'sqs:DeleteMessage'];
    new ManagedPolicy(this, 'TaskSender', {
      statements: [new PolicyStatement({ actions: sends, resources: [emailQueue.queueArn] })],
    });
    new ManagedPolicy(this, 'TaskWorker', {
      statements: [
        new PolicyStatement({
          actions: [...sends, ...takes, 'sqs:ChangeMessageVisibility'],
          resources: [emailQueue.queueArn],
        }),
        new PolicyStatement({ actions: ['sqs:GetQueueUrl', ...takes], resources: [dlq.queueArn] }),
      ],
    });
    new CfnOutput(this, 'TasksUrl', { value: `sqs://${this.region}/${prefix}?queues=existing` });
  }
}
