// Reads requests, each with the policy of its function, from standard input, and writes what iam-simulate decides of each request:
// Allowed, ImplicitlyDenied, ExplicitlyDenied, or what is wrong with the request.

import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const { account, requests } = JSON.parse(readFileSync(0, 'utf8'))

async function decide({ function: name, action, resource, context, policy }) {
  const answer = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${account}:role/${name}`,
        action,
        resource: { resource, accountId: account },
        contextVariables: context,
      },
      identityPolicies: [{ name, policy: { Version: '2012-10-17', Statement: policy } }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  )
  return answer.resultType === 'error' ? answer.errors.message : answer.overallResult
}

const decisions = []
for (const request of requests) decisions.push(await decide(request))
process.stdout.write(JSON.stringify(decisions))
