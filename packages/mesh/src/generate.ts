#!/usr/bin/env node
import { refuseOldNode } from '../../../scripts/support/refuse-old-node.ts';

if (!refuseOldNode('ordermesh-generate')) await import('./generate-code.ts');
