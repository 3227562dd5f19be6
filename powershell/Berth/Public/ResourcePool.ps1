# SPDX-License-Identifier: LGPL-2.1-or-later
# GPU pools. A pool is the whole cluster's: what Windows does on each server is done once here, and again is no fault.

function New-VMResourcePool {
    <#
    .SYNOPSIS
        Creates a GPU pool.
    .DESCRIPTION
        Creates an empty pool for whole GPUs (PciExpress) or for partitions of GPUs (GpuPartition). A pool belongs to the
        whole cluster: running the command again, as Windows wants it on each server, returns the pool that is there.
    .PARAMETER Name
        The name of the pool.
    .PARAMETER ResourcePoolType
        PciExpress or GpuPartition. The other types of Windows change nothing here and give a warning.
    .PARAMETER ParentName
        Accepted for scripts that were written for Windows; a warning says that it changes nothing.
    .PARAMETER Paths
        Accepted for scripts that were written for Windows; a warning says that it changes nothing.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.ResourcePool
    .EXAMPLE
        New-VMResourcePool -ResourcePoolType PciExpress -Name GpuChildPool

        Creates the pool GpuChildPool.
    .EXAMPLE
        'node1', 'node2' | ForEach-Object { New-VMResourcePool GpuChildPool PciExpress -ComputerName $_ -Verbose }

        As a script for Windows does it. The first one creates the pool; the second one says that it is there.
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType('Berth.ResourcePool')]
    param(
        [Parameter(Mandatory, Position = 0)]
        [string] $Name,
        [Parameter(Mandatory, Position = 1)]
        [ValidateSet('PciExpress', 'GpuPartition', 'Memory', 'Processor', 'Ethernet', 'VHD', 'ISO', 'VFD', 'FibreChannelPort',
            'FibreChannelConnection')]
        [string[]] $ResourcePoolType,
        [string[]] $ParentName,
        [string[]] $Paths,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $ComputerName,
        [object[]] $CimSession,
        [pscredential[]] $Credential,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    if ($PSBoundParameters.ContainsKey('ParentName') -and $ParentName -ne 'Primordial') {
        Write-BerthMeaningless $PSCmdlet ParentName 'a GPU pool has no parent but the hosts'
    }
    if ($PSBoundParameters.ContainsKey('Paths')) {
        Write-BerthMeaningless $PSCmdlet Paths 'a GPU pool has no paths'
    }
    try {
        foreach ($berth in Select-BerthConnection $PSBoundParameters) {
            Write-BerthOncePerCluster $PSCmdlet $berth $ComputerName `
                "A pool belongs to the whole cluster $($berth.Cluster): one command creates it for all servers."
            foreach ($type in Select-BerthPoolType $PSCmdlet $ResourcePoolType) {
                $existing = Get-BerthItem $berth v1/pools | Where-Object { $_.name -ceq $Name }
                if ($existing -and $existing.type -eq $type) {
                    $PSCmdlet.WriteVerbose("The pool $Name is there already, on all servers of the cluster.")
                } elseif (-not $PSCmdlet.ShouldProcess($Name, "Create GPU pool ($type)")) {
                    continue
                } else {
                    $answer = Invoke-BerthRest $berth POST v1/pools @{ name = $Name; type = $type } $Name
                    $PSCmdlet.WriteVerbose($answer.message)
                }
                Show-BerthPool $berth $Name
            }
        }
    } catch {
        Write-BerthFailure $PSCmdlet $_ $Name
    }
}

function Get-VMResourcePool {
    <#
    .SYNOPSIS
        Lists GPU pools.
    .DESCRIPTION
        Lists the GPU pools of the cluster with their counts, hosts, GPUs and VMs.
    .PARAMETER Name
        Only pools of this name; wildcards are allowed.
    .PARAMETER ResourcePoolType
        Only pools of this type: PciExpress or GpuPartition.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.ResourcePool
    .EXAMPLE
        Get-VMResourcePool

        Lists all pools.
    .EXAMPLE
        Get-VMResourcePool GpuChildPool | Select-Object -ExpandProperty Devices

        The GPUs of a pool and who has them.
    #>
    [CmdletBinding()]
    [OutputType('Berth.ResourcePool')]
    param(
        [Parameter(Position = 0)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName pool @args })]
        [string[]] $Name,
        [Parameter(Position = 1)]
        [ValidateSet('PciExpress', 'GpuPartition', 'Memory', 'Processor', 'Ethernet', 'VHD', 'ISO', 'VFD', 'FibreChannelPort',
            'FibreChannelConnection')]
        [string[]] $ResourcePoolType,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $ComputerName,
        [object[]] $CimSession,
        [pscredential[]] $Credential,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    try {
        $types = if ($ResourcePoolType) { @(Select-BerthPoolType $PSCmdlet $ResourcePoolType) } else { 'PciExpress', 'GpuPartition' }
        foreach ($berth in Select-BerthConnection $PSBoundParameters) {
            Write-BerthOncePerCluster $PSCmdlet $berth $ComputerName "A pool belongs to the whole cluster $($berth.Cluster)."
            $pools = @(Get-BerthItem $berth v1/pools)
            Select-BerthName $PSCmdlet $pools $Name name 'GPU pool' 'no-such-pool' |
                Where-Object { $_.type -in $types } | ForEach-Object { Show-BerthPool $berth $_.name }
        }
    } catch {
        Write-BerthFailure $PSCmdlet $_ $Name
    }
}

function Remove-VMResourcePool {
    <#
    .SYNOPSIS
        Removes GPU pools.
    .DESCRIPTION
        Removes pools that no VM needs. Their GPUs stay dismounted.
    .PARAMETER Name
        The pools; wildcards are allowed.
    .PARAMETER ResourcePoolType
        The type of the pools: PciExpress or GpuPartition. Pools of another type stay.
    .PARAMETER ClusterSession
        The connection that a piped pool came from.
    .PARAMETER Passthru
        Returns the object that was changed.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .EXAMPLE
        Remove-VMResourcePool -Name GpuChildPool -ResourcePoolType PciExpress

        Removes the pool.
    .EXAMPLE
        Get-VMResourcePool Test* | Remove-VMResourcePool -WhatIf

        Shows which pools would be removed.
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType('Berth.ResourcePool')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName pool @args })]
        [string[]] $Name,
        [Parameter(Position = 1, ValueFromPipelineByPropertyName)]
        [ValidateSet('PciExpress', 'GpuPartition', 'Memory', 'Processor', 'Ethernet', 'VHD', 'ISO', 'VFD', 'FibreChannelPort',
            'FibreChannelConnection')]
        [string[]] $ResourcePoolType = @('PciExpress', 'GpuPartition'),
        [Parameter(ValueFromPipelineByPropertyName, DontShow)]
        [string] $ClusterSession,
        [switch] $Passthru,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $ComputerName,
        [object[]] $CimSession,
        [pscredential[]] $Credential,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    }
    process {
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters ([pscustomobject] @{ ClusterSession = $ClusterSession })) {
                Write-BerthOncePerCluster $PSCmdlet $berth $ComputerName "A pool belongs to the whole cluster $($berth.Cluster)."
                $types = @(Select-BerthPoolType $PSCmdlet $ResourcePoolType)
                $pools = @(Get-BerthItem $berth v1/pools)
                $found = @(Select-BerthName $PSCmdlet $pools $Name name 'GPU pool' 'no-such-pool')
                foreach ($pool in $found | Where-Object { $_.type -in $types }) {
                    Remove-BerthPool $PSCmdlet $berth $pool $Passthru
                }
                foreach ($pool in $found | Where-Object { $types -and $_.type -notin $types }) {
                    $PSCmdlet.WriteError((New-BerthError 'no-such-pool' "The GPU pool $($pool.name) is of the type $($pool.type)." `
                                'ObjectNotFound' $pool.name "Repeat the command with -ResourcePoolType $($pool.type)."))
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $Name
        }
    }
}

function Rename-VMResourcePool {
    <#
    .SYNOPSIS
        Gives a GPU pool another name.
    .DESCRIPTION
        Gives a pool that no VM needs another name. A VM refers to its pools by name: remove the assignments first, and
        assign the pool again afterwards.
    .PARAMETER Name
        The pool.
    .PARAMETER ResourcePoolType
        The type of the pool: PciExpress or GpuPartition.
    .PARAMETER NewName
        Its new name.
    .PARAMETER Passthru
        Returns the object that was changed.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .EXAMPLE
        Rename-VMResourcePool GpuChildPool PciExpress A40Pool

        Calls the pool GpuChildPool A40Pool from now on.
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType('Berth.ResourcePool')]
    param(
        [Parameter(Mandatory, Position = 0)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName pool @args })]
        [string] $Name,
        [Parameter(Mandatory, Position = 1)]
        [ValidateSet('PciExpress', 'GpuPartition')]
        [string] $ResourcePoolType,
        [Parameter(Mandatory, Position = 2)]
        [string] $NewName,
        [switch] $Passthru,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $ComputerName,
        [object[]] $CimSession,
        [pscredential[]] $Credential,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    try {
        foreach ($berth in Select-BerthConnection $PSBoundParameters) {
            Write-BerthOncePerCluster $PSCmdlet $berth $ComputerName "A pool belongs to the whole cluster $($berth.Cluster)."
            $pool = Invoke-BerthRest $berth GET (Format-BerthPath 'v1/pools/{0}' $Name) $null $Name
            if ($pool.type -ne $ResourcePoolType) {
                throw (New-BerthError 'no-such-pool' "The GPU pool $Name is of the type $($pool.type)." 'ObjectNotFound' $Name `
                        "Repeat the command with -ResourcePoolType $($pool.type).")
            }
            if ((Get-BerthItem $berth v1/pools).name -ccontains $NewName) {
                throw (New-BerthError 'exists' "There is a GPU pool $NewName already." 'ResourceExists' $NewName 'Choose another name.')
            }
            if (@($pool.vms | Where-Object { $_.vm })) {
                throw (New-BerthError 'in-use' "The GPU pool $Name is needed by: $($pool.vms.vm -join ', ')." 'ResourceBusy' $Name `
                        $script:Advice['in-use'])
            }
            if ($PSCmdlet.ShouldProcess($Name, "Rename GPU pool to $NewName")) {
                Rename-BerthPool $PSCmdlet $berth $pool $NewName
                if ($Passthru) { Show-BerthPool $berth $NewName }
            }
        }
    } catch {
        Write-BerthFailure $PSCmdlet $_ $Name
    }
}
