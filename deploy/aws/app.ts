import { App } from 'aws-cdk-lib';
import { TaskQueuesStack } from './task-queues-stack.ts';

// Nothing is reported to Amazon about the use of CDK.
const app = new App({ analyticsReporting: false });
const prefix: unknown = app.node.tryGetContext('prefix');
new TaskQueuesStack(app, 'OrdermeshTasks', { prefix: typeof prefix === 'string' ? prefix : '' });
app.synth();
