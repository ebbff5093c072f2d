import { expect, it } from 'vitest'
import { SerialQueue } from './serial-queue.ts'

it('runs one task after the other in the order they were added, and goes on after a failure', async () => {
  const queue = new SerialQueue()
  const log: string[] = []
  const task = (name: string, fails = false) =>
    queue.run(async () => {
      log.push(`${name} begins`)
      await Promise.resolve()
      log.push(`${name} ends`)
      if (fails) throw new Error(name)
      return name
    })
  const [a, b, c] = await Promise.allSettled([task('a'), task('b', true), task('c')])
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
  expect([a, b.status, c]).toMatchObject([{ value: 'a' }, 'rejected', { value: 'c' }])
})

it('counts what has not finished, and says when it has', async () => {
  const queue = new SerialQueue()
  const failing = queue.run(() => Promise.reject(new Error('broken')))
  void queue.run(async () => 'done')
  expect(queue.waiting).toBe(2)
  await expect(failing).rejects.toThrow('broken')
  await queue.settled()
  expect(queue.waiting).toBe(0)
})
