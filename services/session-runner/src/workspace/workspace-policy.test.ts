import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkWorkspace, isInside, WorkspacePolicy } from './workspace-policy.ts'

let folder: string

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'guard-')))
  for (const name of ['allowed/app', 'outside', 'allowed-too']) mkdirSync(join(folder, name), { recursive: true })
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('checkWorkspace', () => {
  it('compares whole path segments', () => {
    expect(isInside('/srv/app', ['/srv'])).toBe(true)
    expect(isInside('/srv', ['/srv'])).toBe(true)
    expect(isInside('/srv-other', ['/srv'])).toBe(false)
    expect(isInside('/anything', ['/'])).toBe(true)
    expect(isInside('/anything', [])).toBe(true)
  })

  it('refuses a relative path, wherever it leads', () => {
    expect(checkWorkspace('srv', '/srv', [])?.code).toBe('workspace_forbidden')
  })
})

describe('WorkspacePolicy', () => {
  it('without roots only requires that the folder exists', () => {
    const guard = new WorkspacePolicy('')
    writeFileSync(join(folder, 'file'), '')
    expect(guard.check(join(folder, 'outside'))).toBeUndefined()
    expect(guard.check(join(folder, 'nowhere'))).toMatchObject({ code: 'workspace_missing' })
    expect(guard.check(join(folder, 'file'))).toMatchObject({ code: 'workspace_missing' })
    expect(guard.missing([join(folder, 'outside'), join(folder, 'nowhere')])).toEqual([join(folder, 'nowhere')])
  })

  it('follows links of folder and root before it compares', () => {
    const guard = new WorkspacePolicy(`${join(folder, 'allowed')}, ${join(folder, 'link-to-root')}`)
    symlinkSync(join(folder, 'outside'), join(folder, 'allowed', 'escape'))
    symlinkSync(join(folder, 'allowed-too'), join(folder, 'link-to-root'))
    expect(guard.check(join(folder, 'allowed', 'app'))).toBeUndefined()
    expect(guard.check(join(folder, 'allowed-too'))).toBeUndefined()
    expect(guard.check(join(folder, 'allowed', 'escape'))).toMatchObject({ code: 'workspace_forbidden' })
    expect(guard.check(join(folder, 'allowed', '..', 'outside'))).toMatchObject({ code: 'workspace_forbidden' })
  })

  it('checks a folder that will be created by where links in its path lead', () => {
    const guard = new WorkspacePolicy(join(folder, 'allowed'))
    symlinkSync(join(folder, 'outside'), join(folder, 'allowed', 'escape'))
    symlinkSync(join(folder, 'allowed'), join(folder, 'way-in'))
    expect(guard.checkNew(join(folder, 'allowed', 'new', 'lane'))).toBe(join(folder, 'allowed', 'new', 'lane'))
    expect(guard.checkNew(join(folder, 'way-in', 'new'))).toBe(join(folder, 'allowed', 'new'))
    expect(guard.checkNew(join(folder, 'allowed', 'escape', 'new'))).toMatchObject({ code: 'workspace_forbidden' })
    expect(guard.checkNew('new')).toMatchObject({ code: 'workspace_forbidden' })
  })

  it('accepts a missing folder if only being outside matters', () => {
    const guard = new WorkspacePolicy(join(folder, 'allowed'))
    expect(() => guard.assertAllowed(join(folder, 'nowhere'))).not.toThrow()
    expect(() => guard.assertAllowed(join(folder, 'outside'))).toThrow(expect.objectContaining({ code: 'readiness_blocked' }))
  })
})
