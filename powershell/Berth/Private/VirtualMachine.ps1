# SPDX-License-Identifier: LGPL-2.1-or-later
# VMs, groups and resources: what Windows shows in three ways is one VM here.

$script:VMStates = @{
    running = 'Running'; starting = 'Starting'; stopping = 'Stopping'; stopped = 'Off'
    waiting = 'Waiting'; failed = 'Failed'; unknown = 'Unknown'
}
$script:GroupStates = @{
    running = 'Online'; starting = 'Pending'; stopping = 'Pending'; stopped = 'Offline'
    waiting = 'Pending'; failed = 'Failed'; unknown = 'Unknown'
}
# By the numbers of Windows' OfflineAction.
$script:OfflineActions = 'turn-off', 'save', 'shutdown', 'force-shutdown'

function ConvertTo-BerthVM {
    param($Connection, $Vm, $Spec)
    $id = [guid]::Empty
    [void] [guid]::TryParse("$($Spec.uuid)", [ref] $id)
    $gpus = @($Vm.gpus | ForEach-Object { if ($_.address) { "$($Vm.node)/$($_.address)" } })
    [pscustomobject] @{
        PSTypeName                = 'Berth.VirtualMachine'
        Name                      = $Vm.name
        VMName                    = $Vm.name
        State                     = $script:VMStates["$($Vm.state)"] ?? $Vm.state
        Status                    = $Vm.detail
        ComputerName              = $Vm.node
        Id                        = $id
        VMId                      = $id
        IsClustered               = $true
        ProcessorCount            = $Vm.cpus
        MemoryStartup             = [int64] $Vm.memory_mib * 1MB
        AssignableDevices         = @($Vm.needs | ForEach-Object { if ($_.pool) { "$($_.count) x $($_.pool)" } })
        GPU                       = $gpus
        Priority                  = $Vm.priority
        OfflineAction             = $Vm.offline_action
        HighMemoryMappedIoSpace   = [uint64] ($Spec.mmio_mib ?? 0) * 1MB
        GuestControlledCacheTypes = $true
        Desired                   = $Vm.desired
        Reasons                   = @($Vm.reasons | ForEach-Object { if ($_.text) { "$($_.subject): $($_.text)" } })
        ClusterSession            = $Connection.Name
    }
}

function ConvertTo-BerthGroup {
    param($Connection, $Vm)
    [pscustomobject] @{
        PSTypeName        = 'Berth.ClusterGroup'
        Name              = $Vm.name
        OwnerNode         = $Vm.node
        State             = $script:GroupStates["$($Vm.state)"] ?? $Vm.state
        StatusInformation = $Vm.detail
        GroupType         = 'VirtualMachine'
        Priority          = $Vm.priority
        Cluster           = $Connection.Cluster
        ClusterSession    = $Connection.Name
    }
}

function ConvertTo-BerthResource {
    param($Connection, $Vm)
    [pscustomobject] @{
        PSTypeName     = 'Berth.ClusterResource'
        Name           = "Virtual Machine $($Vm.name)"
        State          = $script:GroupStates["$($Vm.state)"] ?? $Vm.state
        OwnerGroup     = $Vm.name
        OwnerNode      = $Vm.node
        ResourceType   = 'Virtual Machine'
        OfflineAction  = [array]::IndexOf($script:OfflineActions, "$($Vm.offline_action)")
        Cluster        = $Connection.Cluster
        ClusterSession = $Connection.Name
    }
}

# The name of a VM in whatever stands for one: a name, a VM, a group, a resource "Virtual Machine V".
function Get-BerthVMName {
    param($InputObject)
    $name = if ($InputObject -is [string]) { $InputObject }
    elseif ($InputObject.OwnerGroup) { $InputObject.OwnerGroup }
    elseif ($InputObject.VMName) { $InputObject.VMName }
    else { $InputObject.Name }
    $name -replace '^(?i)Virtual Machine (Configuration )?(?=.)', ''
}

<#
 The names of VMs that 'Targets' (names, patterns, objects) and 'Id' mean on this connection. A plain name is taken as
 it is: the API says if there is no such VM.
#>
function Resolve-BerthVMName {
    param($Connection, [object[]] $Targets, [guid[]] $Id)
    foreach ($target in $Targets | Where-Object { $_ }) {
        if (-not (Test-BerthOrigin $Connection $target)) {
            continue
        }
        $name = Get-BerthVMName $target
        if ([wildcardpattern]::ContainsWildcardCharacters($name)) {
            @((Get-BerthItem $Connection v1/vms).name | Where-Object { $_ -like $name })
        } else {
            $name
        }
    }
    foreach ($each in $Id | Where-Object { $_ -and $_ -ne [guid]::Empty }) {
        $specs = (Invoke-BerthRest $Connection GET v1/cluster/export).configuration.vms
        $found = $specs.PSObject.Properties | Where-Object { $_.Value.uuid -eq "$each" }
        if (-not $found) {
            throw (New-BerthError 'no-such-vm' "There is no VM with the ID $each." 'ObjectNotFound' $each $script:Advice['no-such-vm'])
        }
        $found.Name
    }
}

function Get-BerthVMWhole {
    param($Connection, [string] $Name)
    Invoke-BerthRest $Connection GET (Format-BerthPath 'v1/vms/{0}' $Name) $null $Name
}

function Show-BerthVM {
    param($Connection, [string] $Name)
    $vm = Get-BerthVMWhole $Connection $Name
    ConvertTo-BerthVM $Connection $vm $vm.spec
}

<#
 Orders 'Verb' (start, stop, move) for a VM and, if 'Seconds' is not 0, waits for its end.
#>
function Invoke-BerthOrder {
    param($Command, $Connection, [string] $Name, [string] $Verb, [hashtable] $Body = @{}, [string] $Activity, [int] $Seconds)
    $answer = Invoke-BerthRest $Connection POST ((Format-BerthPath 'v1/vms/{0}/' $Name) + $Verb) $Body $Name
    $Command.WriteVerbose($answer.message)
    Wait-BerthOperation $Command $Connection $answer $Activity $Seconds
}

# The 64-bit memory-mapped IO space, in MiB, that the GPUs a VM needs take; of a VM that needs none yet, what one GPU of
# any pool takes. 0: nothing is known.
function Get-BerthMmioNeed {
    param($Connection, $Vm)
    $gpus = @(Get-BerthItem $Connection v1/gpus | Where-Object { $_.pool })
    $needs = @($Vm.needs | Where-Object { $_.pool })
    $sum = if ($needs) { 0 } else { [uint64] ($gpus.mmio_size | Measure-Object -Maximum).Maximum }
    foreach ($need in $needs) {
        $sizes = @(($gpus | Where-Object { $_.pool -eq $need.pool }).mmio_size)
        $sum += [uint64] ($sizes | Measure-Object -Maximum).Maximum * $need.count
    }
    if ($sum -gt 0) { [math]::Ceiling($sum / 1MB) + 512 } else { 0 }
}

# What 'Set-VM' is told that Berth does by itself, or that means nothing here.
function Write-BerthVMPreparation {
    param($Command, $Bound)
    $meaningless = @{
        LowMemoryMappedIoSpace = 'GPUs get 64-bit memory-mapped IO space, which Berth computes'
        AutomaticStartAction   = 'the cluster keeps a started VM running'
        AutomaticStartDelay    = 'the cluster starts VMs by priority, as many at a time as the setting concurrent_starts says'
        DynamicMemory          = 'a VM with GPUs has static memory'
        MemoryStartupBytes     = 'memory is in the domain XML of the VM'
        ProcessorCount         = 'CPUs are in the domain XML of the VM'
        Notes                  = 'Berth keeps no notes'
    }
    foreach ($parameter in $meaningless.Keys | Where-Object { $Bound.ContainsKey($_) }) {
        Write-BerthMeaningless $Command $parameter $meaningless[$parameter]
    }
    if ($Bound['AutomaticStopAction'] -eq 'Save') {
        Write-BerthMeaningless $Command AutomaticStopAction 'the state of a GPU cannot be saved'
    } elseif ($Bound['AutomaticStopAction']) {
        $Command.WriteVerbose('How a VM is stopped is decided by its offline action: Set-ClusterParameter -Name OfflineAction.')
    }
    if ($Bound.ContainsKey('GuestControlledCacheTypes')) {
        if ($Bound['GuestControlledCacheTypes']) {
            $Command.WriteVerbose('The guest always controls cache types here.')
        } else {
            Write-BerthMeaningless $Command GuestControlledCacheTypes 'the guest always controls cache types'
        }
    }
    if ($Bound['CheckpointType'] -notin $null, '', 'Disabled') {
        Write-BerthMeaningless $Command CheckpointType 'a VM with GPUs has no checkpoints'
    }
    if ($Bound['AutomaticCheckpointsEnabled']) {
        Write-BerthMeaningless $Command AutomaticCheckpointsEnabled 'a VM with GPUs has no checkpoints'
    }
}

function Set-BerthMmio {
    param($Command, $Connection, $Vm, [uint64] $Bytes)
    $mib = [int64] [math]::Ceiling($Bytes / 1MB)
    $need = Get-BerthMmioNeed $Connection $Vm
    if ($mib -gt 0 -and $mib -lt $need) {
        Write-BerthMeaningless $Command HighMemoryMappedIoSpace "$mib MiB are too few for GPUs that take $need MiB; Berth computes it"
    } elseif ($mib -eq [int64] ($Vm.spec.mmio_mib ?? 0)) {
        $Command.WriteVerbose("$($Vm.name) has this already.")
    } elseif ($Command.ShouldProcess($Vm.name, "Set the 64-bit memory-mapped IO space to $($mib ? "$mib MiB" : 'what Berth computes')")) {
        $answer = Invoke-BerthRest $Connection PATCH (Format-BerthPath 'v1/vms/{0}' $Vm.name) @{ mmio_mib = $mib } $Vm.name
        $Command.WriteVerbose($answer.message)
    }
}

# What a command with -AsJob has been told to do, by connection.
function New-BerthQueue {
    @{ Connections = @{}; Names = @{} }
}

<#
 Start and stop of the VMs that 'Bound' names: orders each and waits for it. With -AsJob, queues those that a job does.
#>
function Invoke-BerthVMOrder {
    param($Command, $Bound, [hashtable] $Queue, [string] $Verb, [string] $Action, [hashtable] $Body)
    $targets = @($Bound['Name']) + @($Bound['VM'])
    foreach ($berth in Select-BerthConnection $Bound $Bound['VM']) {
        try {
            [void] (Resolve-BerthNodeName $berth $Bound['ComputerName'])
            $names = @(Resolve-BerthVMName $berth $targets)
        } catch {
            Write-BerthFailure $Command $_ $targets
            continue
        }
        foreach ($name in $names) {
            if (-not $Command.ShouldProcess($name, $Action)) {
                continue
            }
            if ($Bound['AsJob']) {
                $Queue.Connections[$berth.Name] = $berth
                $Queue.Names[$berth.Name] = @($Queue.Names[$berth.Name]) + @($name) | Where-Object { $_ }
                continue
            }
            try {
                Invoke-BerthOrder $Command $berth $name $Verb $Body "$Action $name" $script:WaitSeconds
                if ($Bound['Passthru']) { Show-BerthVM $berth $name }
            } catch {
                Write-BerthFailure $Command $_ $name
            }
        }
    }
}

# The job of what is queued, one for each cluster.
function Start-BerthQueue {
    param($Command, $Bound, [hashtable] $Queue)
    foreach ($key in $Queue.Connections.Keys) {
        $parameters = @{ Name = @($Queue.Names[$key]) }
        foreach ($switch in 'TurnOff', 'Passthru', 'Force', 'Node', 'MigrationType', 'Drain', 'ForceDrain', 'Wait' | Where-Object { $Bound.ContainsKey($_) }) {
            $parameters[$switch] = $Bound[$switch]
        }
        Start-BerthJob $Queue.Connections[$key] $Command.MyInvocation.MyCommand.Name $parameters
    }
}
