# SPDX-License-Identifier: LGPL-2.1-or-later
# What the cmdlets about hosts share.

$script:NodeStates = @{
    up = 'Up'; paused = 'Paused'; draining = 'Paused'; drained = 'Paused'; quarantined = 'Quarantined'
    silent = 'Isolated'; fencing = 'Isolated'; fenced = 'Down'; 'never-seen' = 'Down'; unknown = 'Unknown'
}
$script:DrainStates = @{ draining = 'InProgress'; drained = 'Completed' }

function ConvertTo-BerthNode {
    param($Connection, $Node)
    [pscustomobject] @{
        PSTypeName        = 'Berth.ClusterNode'
        Name              = $Node.name
        State             = $script:NodeStates["$($Node.state)"] ?? $Node.state
        DrainStatus       = $script:DrainStates["$($Node.state)"] ?? 'NotInitiated'
        StatusInformation = $Node.detail ? $Node.detail : 'Normal'
        BerthState        = $Node.state
        Coordinator       = [bool] $Node.coordinator
        Fencing           = $Node.fencing
        GPUCount          = $Node.gpu_count
        VMCount           = $Node.vm_count
        ProcessorCount    = $Node.cpus
        MemoryCapacity    = [int64] $Node.memory_mib * 1MB
        Cluster           = $Connection.Cluster
        ClusterSession    = $Connection.Name
    }
}

function Show-BerthNode {
    param($Connection, [string] $Name)
    ConvertTo-BerthNode $Connection (Invoke-BerthRest $Connection GET (Format-BerthPath 'v1/nodes/{0}' $Name) $null $Name)
}

# Calls 'Do' with connection and name for each host that 'Bound' (Name, InputObject) means.
function Invoke-BerthNodeOrder {
    param($Command, $Bound, [scriptblock] $Do)
    $object = $Bound['InputObject']
    $targets = @(@($Bound['Name']) + @($object ? ($object -is [string] ? $object : $object.Name) : $null) | Where-Object { $_ })
    if (-not $targets) {
        $Command.ThrowTerminatingError((New-BerthError 'NoNode' 'Give the host with -Name.' 'InvalidArgument' $null `
                    'Get-ClusterNode lists the hosts.'))
    }
    foreach ($target in $targets) {
        try {
            foreach ($berth in Select-BerthConnection $Bound $object) {
                foreach ($node in Resolve-BerthNodeName $berth $target) {
                    . $Do $berth $node
                }
            }
        } catch {
            Write-BerthFailure $Command $_ $target
        }
    }
}

function Get-BerthDrainPreview {
    param($Connection, [string] $Node, [hashtable] $Body)
    $plan = Invoke-BerthRest $Connection POST (Format-BerthPath 'v1/nodes/{0}/drain' $Node) ($Body + @{ dry_run = $true }) $Node
    ConvertTo-BerthPlannedMove $plan.placements $plan.left_out 'Berth.DrainPreview'
}

# What would move where, one line a VM, for people who are asked or want to know.
function Format-BerthDrainPreview {
    param([string] $Node, [object[]] $Preview, [bool] $IsForced)
    $lines = foreach ($move in $Preview) {
        if ($move.To) { "$($move.VMName) moves to $($move.To)" }
        elseif ($IsForced) { "$($move.VMName) is stopped, as no other host can run it ($($move.Reason))" }
        else { "$($move.VMName) stays, as no other host can run it ($($move.Reason))" }
    }
    "Drain $Node`: $(@($lines) ? ($lines -join '; ') : 'nothing runs there')."
}

function Invoke-BerthDrain {
    param($Command, $Connection, [string] $Node, [hashtable] $Body, $Bound, [hashtable] $Queue)
    $preview = @(Get-BerthDrainPreview $Connection $Node $Body)
    $text = Format-BerthDrainPreview $Node $preview $Body.force
    if (-not $Command.ShouldProcess($text, "$text Continue?", 'Drain')) {
        if ($Bound['WhatIf'] -or $Command.SessionState.PSVariable.GetValue('WhatIfPreference')) {
            $preview
        }
        return
    }
    if ($Bound['AsJob']) {
        $Queue.Connections[$Connection.Name] = $Connection
        $Queue.Names[$Connection.Name] = @($Queue.Names[$Connection.Name]) + @($Node) | Where-Object { $_ }
        return
    }
    $answer = Invoke-BerthRest $Connection POST (Format-BerthPath 'v1/nodes/{0}/drain' $Node) $Body $Node
    $Command.WriteVerbose($answer.message)
    if ($Bound['Wait']) {
        Wait-BerthOperation $Command $Connection $answer "Drain $Node" 3600
        # An order that was there already has no operation of its own.
        Wait-BerthDrained $Command $Connection $Node
    }
    Show-BerthNode $Connection $Node
}

function Wait-BerthDrained {
    param($Command, $Connection, [string] $Node)
    $state = @{ Connection = $Connection; Path = (Format-BerthPath 'v1/nodes/{0}' $Node) }
    $isOver = Wait-BerthCondition "Drain $Node" $script:WaitSeconds -State $state -Look {
        param($State)
        $now = Invoke-BerthRest $State.Connection GET $State.Path
        $State.Status = "$($now.vm_count) VMs are left"
        $now.state -ne 'draining'
    }
    if (-not $isOver) {
        $Command.WriteWarning("Drain $Node`: $($state.Status). It goes on by itself.")
    }
}

function Invoke-BerthFailback {
    param($Command, $Connection, [string] $Node, [string] $Failback)
    $setting = (Invoke-BerthRest $Connection GET v1/cluster).failback
    if ($Failback -ne 'Immediate') {
        if ($Failback -eq 'NoFailback' -and $setting -eq 'immediate' -and $Command.MyInvocation.BoundParameters.ContainsKey('Failback')) {
            $Command.WriteWarning('-Failback NoFailback changes nothing here: the setting failback of the cluster is immediate.')
        }
        return
    }
    if ($setting -eq 'immediate') {
        $Command.WriteVerbose("VMs that prefer $Node go back to it by themselves.")
        return
    }
    $specs = (Invoke-BerthRest $Connection GET v1/cluster/export).configuration.vms
    $vms = @(Get-BerthItem $Connection v1/vms | Where-Object {
            $_.state -eq 'running' -and $_.node -ne $Node -and @($specs.($_.name).preferred_owners)[0] -eq $Node
        })
    foreach ($vm in $vms) {
        if ($Command.ShouldProcess($vm.name, "Move back to $Node")) {
            $answer = Invoke-BerthRest $Connection POST (Format-BerthPath 'v1/vms/{0}/move' $vm.name) @{ node = $Node } $vm.name
            $Command.WriteVerbose($answer.message)
        }
    }
    if (-not $vms) {
        $Command.WriteVerbose("No VM prefers $Node and runs elsewhere: nothing moves back.")
    }
}

# The groups of 'Validation' that are wanted, with the findings about 'Nodes' and about no node.
function Select-BerthFinding {
    param($Command, $Validation, [string[]] $Include, [string[]] $Ignore, [string[]] $Nodes)
    foreach ($pattern in @($Include) + @($Ignore) | Where-Object { $_ }) {
        if (-not @($Validation.groups | Where-Object { $_.name -like $pattern })) {
            throw (New-BerthError 'no-such-group' "There is no group of checks `"$pattern`"." 'ObjectNotFound' $pattern `
                    "The groups are: $($Validation.groups.name -join ', ').")
        }
    }
    foreach ($group in $Validation.groups) {
        $isIn = -not $Include -or @($Include | Where-Object { $group.name -like $_ })
        if ($isIn -and -not @($Ignore | Where-Object { $_ -and $group.name -like $_ })) {
            $checks = @($group.checks | Where-Object {
                    $_ -and (-not $Nodes -or -not $_.subject -or ($_.subject -split '[ /]')[0] -in $Nodes)
                })
            [pscustomobject] @{ name = $group.name; about = $group.about; checks = $checks }
        }
    }
}

function Get-BerthReportPath {
    param($Command, $Connection, [string] $Name)
    if (-not $Name) {
        $when = Get-Date -Format 'yyyy.MM.dd-HH.mm.ss'
        return Join-Path ([System.IO.Path]::GetTempPath()) "Test-Cluster on $($Connection.Cluster -replace '[^\w.-]', '_') at $when.htm"
    }
    $path = $Command.GetUnresolvedProviderPathFromPSPath($Name)
    if ($path -notmatch '\.(html?|mht)$') { "$path.htm" } else { $path }
}

function Write-BerthFinding {
    param($Command, [object[]] $Groups, [string] $Path)
    $bad = @($Groups | ForEach-Object { $_.checks | Where-Object { $_.result -ne 'ok' } })
    foreach ($check in $bad) {
        $Command.WriteVerbose("$($check.result): $($check.subject) $($check.check): $($check.text)")
    }
    $failed = @($bad | Where-Object { $_.result -eq 'failed' })
    if ($failed) {
        $Command.WriteWarning("$($failed.Count) of the checks failed: see $Path")
    }
}
