# SPDX-License-Identifier: LGPL-2.1-or-later
# What the cmdlets about groups and resources share.

# The VMs, as the API lists them, that 'Bound' (Name, InputObject, VMId) chooses.
function Select-BerthGroup {
    param($Command, $Connection, $Bound)
    $list = @(Get-BerthItem $Connection v1/vms)
    $object = $Bound['InputObject']
    if ($object -and $object.PSTypeNames -contains 'Berth.ClusterNode') {
        $list = @($list | Where-Object { $_.node -eq $object.Name })
    } elseif ($object -and $object.PSTypeNames -notcontains 'Berth.Cluster') {
        $list = @(Select-BerthName $Command $list @(Get-BerthVMName $object) name VM 'no-such-vm')
    }
    if ($Bound['VMId']) {
        $list = @(Select-BerthName $Command $list @(Resolve-BerthVMName $Connection @() $Bound['VMId']) name VM 'no-such-vm')
    }
    $names = @($Bound['Name'] | Where-Object { $_ } | ForEach-Object { Get-BerthVMName $_ })
    Select-BerthName $Command $list $names name VM 'no-such-vm'
}

function Get-BerthClusterParameter {
    param($Command, $Connection, $Vm, [string[]] $Patterns)
    $values = [ordered] @{
        OfflineAction  = [array]::IndexOf($script:OfflineActions, "$($Vm.offline_action)")
        OfflineTimeout = [int] (($Vm.spec.offline_timeout_ms ?? 0) / 1000)
        Priority       = $Vm.priority
    }
    foreach ($pattern in $Patterns) {
        $keys = @($values.Keys | Where-Object { $_ -like $pattern })
        if (-not $keys -and -not [wildcardpattern]::ContainsWildcardCharacters($pattern)) {
            $Command.WriteError((New-BerthError 'no-such-parameter' "A VM has no parameter $pattern." 'ObjectNotFound' $pattern `
                        "The parameters are: $($values.Keys -join ', ')."))
        }
        foreach ($key in $keys) {
            [pscustomobject] @{
                PSTypeName = 'Berth.ClusterParameter'; Object = "Virtual Machine $($Vm.name)"; Name = $key; Value = $values[$key]
                ClusterSession = $Connection.Name
            }
        }
    }
}

# A table of parameters and values, as the API takes it. A parameter that Windows has and Berth has not is a warning; a
# value that cannot be is an error that ends the command before anything was changed.
function ConvertTo-BerthPolicy {
    param($Command, [hashtable] $Values)
    $meaningless = 'ShutdownAction', 'DefaultMoveType', 'CheckHeartbeat', 'MigrationState', 'StartMemory', 'VirtualNumaCount',
        'VmStoreRootPath', 'VmState', 'PreventVmFailover', 'MoveTypeThreshold'
    $refuse = {
        param([string] $Message, $Target, [string] $Action)
        $Command.ThrowTerminatingError((New-BerthError 'bad-parameter' $Message 'InvalidArgument' $Target $Action))
    }
    $body = @{}
    foreach ($name in $Values.Keys) {
        $text = "$($Values[$name])"
        $number = 0L
        $isNumber = [long]::TryParse($text, [ref] $number) -and $number -ge 0
        if ($name -eq 'OfflineAction') {
            $words = 'TurnOff', 'Save', 'Shutdown', 'ForceShutdown'
            $index = if ($isNumber) { $number } else { [array]::FindIndex([string[]] $words, [predicate[string]] { $args[0] -eq $text }) }
            if ($index -lt 0 -or $index -gt 3) {
                & $refuse "`"$text`" is no offline action." $Values[$name] '0 turns off, 1 saves, 2 shuts down, 3 forces the shutdown.'
            }
            $body.offline_action = $script:OfflineActions[$index]
        } elseif ($name -in 'OfflineTimeout', 'Priority') {
            if (-not $isNumber) {
                & $refuse "`"$text`" is no value of $name." $Values[$name] 'Give a number from 0.'
            }
            if ($name -eq 'Priority') { $body.priority = $number } else { $body.offline_timeout_ms = $number * 1000 }
        } elseif ($name -in $meaningless) {
            Write-BerthMeaningless $Command "Name $name" 'Berth has no such parameter'
        } else {
            & $refuse "A VM has no parameter `"$name`"." $name 'The parameters are: OfflineAction, OfflineTimeout, Priority.'
        }
    }
    $body
}

function Add-BerthVM {
    param($Command, $Connection, [string] $Name, [string] $Path)
    $xml = Get-Content -LiteralPath $Path -Raw -ErrorAction Stop
    $body = @{ xml = $xml }
    if ($Name) { $body.name = $Name }
    if ($Command.ShouldProcess($Name ? $Name : $Path, 'Add VM to the cluster')) {
        $answer = Invoke-BerthRest $Connection POST v1/vms $body ($Name ? $Name : $Path)
        $Command.WriteVerbose($answer.message)
        ConvertTo-BerthGroup $Connection (Get-BerthVMWhole $Connection ($answer.name ?? $answer.subject))
    }
}

# What is told when -MigrationType differs from what will be done.
function Write-BerthMigrationType {
    param($Command, $Vm, [string] $Type)
    $actions = @{ TurnOff = 'turn-off'; Shutdown = 'shutdown'; ShutdownForce = 'force-shutdown' }
    if ($Type -and $Vm.offline_action -ne $actions[$Type]) {
        $number = [array]::IndexOf($script:OfflineActions, $actions[$Type])
        $Command.WriteWarning("-MigrationType $Type changes nothing here: the offline action of $($Vm.name) is " +
            "$($Vm.offline_action). Get-ClusterResource $($Vm.name) | Set-ClusterParameter OfflineAction $number changes it.")
    }
}

<#
 Start, stop or move of the groups that 'Bound' names: orders each and waits for it. With -AsJob, queues those that a job
 does.
#>
function Invoke-BerthGroupOrder {
    param($Command, $Bound, [hashtable] $Queue, [string] $Verb, [string] $Action, [hashtable] $Body, [int] $Seconds)
    $targets = @(@($Bound['Name']) + @($Bound['InputObject']) | Where-Object { $_ })
    if (-not $targets -and -not $Bound['VMId']) {
        $Command.ThrowTerminatingError((New-BerthError 'NoGroup' 'Give the group with -Name.' 'InvalidArgument' $null `
                    'Get-ClusterGroup lists the groups.'))
    }
    foreach ($berth in Select-BerthConnection $Bound $Bound['InputObject']) {
        try {
            $names = @(Resolve-BerthVMName $berth $targets @($Bound['VMId'] | Where-Object { $_ }))
            if ($Bound['Node']) {
                $Body.node = @(Resolve-BerthNodeName $berth $Bound['Node'])[0]
            }
        } catch {
            Write-BerthFailure $Command $_ $targets
            continue
        }
        $what = if ($Body.node) { "$Action to $($Body.node)" } else { $Action }
        foreach ($name in $names) {
            try {
                if ($Bound['MigrationType']) {
                    Write-BerthMigrationType $Command (Get-BerthVMWhole $berth $name) $Bound['MigrationType']
                }
                if (-not $Command.ShouldProcess($name, $what)) {
                    continue
                }
                if ($Bound['AsJob']) {
                    $Queue.Connections[$berth.Name] = $berth
                    $Queue.Names[$berth.Name] = @($Queue.Names[$berth.Name]) + @($name) | Where-Object { $_ }
                    continue
                }
                Invoke-BerthOrder $Command $berth $name $Verb $Body "$what`: $name" $Seconds
                ConvertTo-BerthGroup $berth (Get-BerthVMWhole $berth $name)
            } catch {
                Write-BerthFailure $Command $_ $name
            }
        }
    }
}
