# SPDX-License-Identifier: LGPL-2.1-or-later
# What the cmdlets about divided GPUs share.

$script:DefaultPartitionPool = 'GpuPartitionPool'

function Get-BerthPartitionable {
    param($Connection, [string[]] $Nodes)
    foreach ($gpu in Get-BerthCard $Connection $Nodes | Where-Object { $_.sriov_total -gt 0 -or $_.partitions -gt 0 }) {
        [pscustomobject] @{
            PSTypeName           = 'Berth.HostPartitionableGpu'
            Name                 = "$($gpu.node)/$($gpu.address)"
            LocationPath         = "$($gpu.node)/$($gpu.address)"
            ComputerName         = $gpu.node
            FriendlyName         = $gpu.name
            ValidPartitionCounts = [uint16[]] @(if ($gpu.sriov_total -gt 0) { 1..$gpu.sriov_total })
            PartitionCount       = [uint16] $gpu.partitions
            State                = $gpu.state
            ClusterSession       = $Connection.Name
        }
    }
}

# Divides one GPU and waits for it, or has a job do that.
function Set-BerthPartitionCount {
    param($Command, $Bound, $Connection, [string] $Name, [int] $Count)
    $device = Resolve-BerthDevice $Connection $Name
    $action = $Count ? "Divide into $Count partitions" : 'Make whole again'
    if (-not $Command.ShouldProcess($Name, $action)) {
        return
    }
    if ($Bound['AsJob']) {
        Start-BerthJob $Connection $Command.MyInvocation.MyCommand.Name @{ Name = $Name; PartitionCount = $Count; Passthru = $true }
        return
    }
    $path = Format-BerthPath 'v1/nodes/{0}/gpus/{1}/partition' $device.Node, $device.Address
    $answer = Invoke-BerthRest $Connection POST $path @{ count = $Count } $Name
    $Command.WriteVerbose($answer.message)
    $others = @($answer.warnings | Where-Object { $_.text } | ForEach-Object { "$($_.subject) $($_.text)" })
    if ($others) {
        $Command.WriteWarning("A pool takes equal partitions, and $($others -join '; ').")
    }
    [void] (Wait-BerthDevice $Command $Connection $device.Node $device.Address @('partitioning') "$action`: $Name")
    if ($Bound['Passthru']) {
        Get-BerthPartitionable $Connection $device.Node | Where-Object { $_.Name -eq $Name }
    }
}

<#
 The pool that a partition comes from: 'Name', or the only one there is. The first is made of all partitions that are in
 no pool; those of GPUs that were divided later join it. Nothing if it was not to be made.
#>
function Find-BerthPartitionPool {
    param($Command, $Connection, [string] $Name)
    $pools = @((Get-BerthItem $Connection v1/pools | Where-Object { $_.type -eq 'GpuPartition' }).name | Where-Object { $_ })
    if ($Name) {
        if ($Name -notin $pools) {
            throw (New-BerthError 'no-such-pool' "There is no pool `"$Name`" of the type GpuPartition." 'ObjectNotFound' $Name `
                    $script:Advice['no-such-pool'])
        }
        return $Name
    }
    if ($pools.Count -gt 1) {
        throw (New-BerthError 'which-pool' "There is more than one pool of partitions: $($pools -join ', ')." 'InvalidArgument' $null `
                'Choose one with -ResourcePoolName.')
    }
    if ($pools -and $pools[0] -ne $script:DefaultPartitionPool) {
        return $pools[0]
    }
    $free = @(Get-BerthCard $Connection | Where-Object { $_.state -eq 'partitioned' -and -not $_.pool })
    if (-not $pools -and -not $free) {
        throw (New-BerthError 'no-gpu' 'No GPU is divided into partitions.' 'ObjectNotFound' $null `
                'Divide the GPUs of all hosts alike: Get-VMHostPartitionableGpu | Set-VMHostPartitionableGpu -PartitionCount 4')
    }
    if (-not $pools) {
        if (-not $Command.ShouldProcess($script:DefaultPartitionPool, 'Create GPU pool (GpuPartition) of all partitions')) {
            return
        }
        $body = @{ name = $script:DefaultPartitionPool; type = 'GpuPartition'; all = $true }
        $Command.WriteVerbose((Invoke-BerthRest $Connection POST v1/pools $body $script:DefaultPartitionPool).message)
    } elseif ($free -and $Command.ShouldProcess($script:DefaultPartitionPool, 'Add partitions that are in no pool')) {
        $path = Format-BerthPath 'v1/pools/{0}/members' $script:DefaultPartitionPool
        try {
            $Command.WriteVerbose((Invoke-BerthRest $Connection POST $path @{ all = $true } $script:DefaultPartitionPool).message)
        } catch {
            $Command.WriteVerbose("Some partitions are in no pool: $_")
        }
    }
    $script:DefaultPartitionPool
}
