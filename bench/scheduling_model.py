#!/usr/bin/env python3
"""Which batch a worker of the server should take next: a model of stages with queues, told by events.

Images come to the first stage; a share of a batch's images goes on to the next stage's queue. A batch of n images takes
(fixed + n * each) microseconds. For each rule: answered images a second, mean and 99th percentile of the time to the
answer, and the mean batch of each stage, with clients that ask again when they are answered (64 of them), and with
images that come by themselves (Poisson) at 85 % of what full batches could do.

usage: bench/scheduling_model.py        the rule that src/serving/lane.cc has is 'fullest, 2 ms'
"""
import heapq
import random

WORKERS, MAX_BATCH, LEAST_PART = 2, 64, 8
SECONDS = 0.6
RULES = {  # of (waited in this queue, since submitted, fill, stage): the largest is taken
    "fullest, 2 ms": lambda waited, age, fill, stage: (waited > 2000, waited if waited > 2000 else 0, fill, stage),
    "fullest": lambda waited, age, fill, stage: (fill, stage),
    "latest stage": lambda waited, age, fill, stage: stage,
    "earliest stage": lambda waited, age, fill, stage: -stage,
    "oldest image": lambda waited, age, fill, stage: age,
    "longest wait": lambda waited, age, fill, stage: waited,
}
COSTS = {  # (fixed, each) of the stages
    "a batch saves nothing": [(5, 50), (5, 300)],
    "a batch saves much": [(100, 40), (400, 200)],
    "three stages": [(100, 40), (200, 100), (400, 300)],
}


def simulate(rule, costs, share, clients=0, rate=0.0):
    rng = random.Random(1)
    queues = [[] for _ in costs]  # (since, submitted, client)
    events, count, idle, now = [], 0, WORKERS, 0.0
    times, batches = [], [[] for _ in costs]

    def at(time, *event):
        nonlocal count
        count += 1
        heapq.heappush(events, (time, count, *event))

    for client in range(clients):
        at(0.0, "submit", client, None)
    if not clients:
        at(0.0, "submit", None, None)
    while now < SECONDS * 1e6:
        now, _, kind, what, batch = heapq.heappop(events)
        if kind == "submit":
            queues[0].append((now, now, what))
            if what is None:
                at(now + rng.expovariate(rate), "submit", None, None)
        else:
            idle += 1
            for _, submitted, client in batch:
                if what + 1 < len(costs) and rng.random() < share:
                    queues[what + 1].append((now, submitted, client))
                    continue
                times.append(now - submitted)
                if client is not None:
                    at(now + 20, "submit", client, None)
        while idle and any(queues):
            stage = max((s for s, queue in enumerate(queues) if queue),
                        key=lambda s: rule(now - queues[s][0][0], now - queues[s][0][1],
                                           min(len(queues[s]), MAX_BATCH) / MAX_BATCH, s))
            queue = queues[stage]
            n = min(MAX_BATCH, max(-(-len(queue) // idle), LEAST_PART), len(queue))
            idle -= 1
            batches[stage].append(n)
            fixed, each = costs[stage]
            at(now + fixed + each * n * rng.uniform(0.95, 1.05), "ran", stage, queue[:n])
            del queue[:n]
    times.sort()
    return (len(times) / SECONDS, sum(times) / len(times), times[int(0.99 * len(times))],
            "/".join(f"{sum(b) / max(1, len(b)):.0f}" for b in batches))


def main():
    for name, costs in COSTS.items():
        for share in 0.1, 0.3:
            print(f"{name}, {100 * share:.0f} % sent on")
            full = sum((fixed / MAX_BATCH + each) * share**stage for stage, (fixed, each) in enumerate(costs))
            for rule_name, rule in RULES.items():
                closed = simulate(rule, costs, share, clients=64)
                opened = simulate(rule, costs, share, rate=0.85 * WORKERS / full)
                print(f"  {rule_name:15} 64 clients: {closed[0]:6.0f}/s, mean {closed[1]:5.0f} us, p99 {closed[2]:6.0f} us, "
                      f"batches {closed[3]:8}  85 %: mean {opened[1]:5.0f} us, p99 {opened[2]:6.0f} us")


if __name__ == "__main__":
    main()
