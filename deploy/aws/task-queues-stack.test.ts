import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { TaskQueuesStack } from './task-queues-stack.ts';

const day = 86_400;

describe('the stack of the task queues', () => {
  const stack = new TaskQueuesStack(new App({ analyticsReporting: false }), 'Tasks', { prefix: 'prod-' });
  const template = Template.fromStack(stack);

  it('has a dead letter queue that keeps messages for 14 days, and moves there after 3 receives', () => {
    template.resourceCountIs('AWS::SQS::Queue', 2);
    const [[letters] = []] = Object.entries(
      template.findResources('AWS::SQS::Queue', {
        Properties: { QueueName: 'prod-email-jobs-dlq', MessageRetentionPeriod: 14 * day },
      }),
    );
    assert.ok(letters);
    template.hasResourceProperties('AWS::SQS::Queue', {
      QueueName: 'prod-email-jobs',
      MessageRetentionPeriod: 14 * day,
      VisibilityTimeout: 60,
      ReceiveMessageWaitTimeSeconds: 20,
      RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': [letters, 'Arn'] }, maxReceiveCount: 3 },
    });
  });

  it('lets nobody use a queue without TLS', () => {
    template.resourceCountIs('AWS::SQS::QueuePolicy', 2);
    template.allResourcesProperties('AWS::SQS::QueuePolicy', {
      PolicyDocument: {
        Statement: [Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } })],
      },
    });
  });

  it('lets a sender only send, and a worker also take what is in the two queues', () => {
    const actions = Object.values(template.findResources('AWS::IAM::ManagedPolicy')).map(({ Properties }) =>
      Properties.PolicyDocument.Statement.map((statement: { Action: unknown }) => statement.Action),
    );
    const sends = ['sqs:GetQueueUrl', 'sqs:GetQueueAttributes', 'sqs:SendMessage'];
    const takes = ['sqs:ReceiveMessage', 'sqs:DeleteMessage'];
    assert.deepEqual(actions, [
      [sends],
      [
        [...sends, ...takes, 'sqs:ChangeMessageVisibility'],
        ['sqs:GetQueueUrl', ...takes],
      ],
    ]);
    assert.doesNotMatch(JSON.stringify(template.findResources('AWS::IAM::ManagedPolicy')), /"Resource":"\*"|sqs:\*/);
  });

  it('says what TASKS_URL is, and reports nothing', () => {
    const value = { 'Fn::Join': ['', ['sqs://', { Ref: 'AWS::Region' }, '/prod-?queues=existing']] };
    template.hasOutput('TasksUrl', { Value: value });
    template.resourceCountIs('AWS::CDK::Metadata', 0);
  });
});
