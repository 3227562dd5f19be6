# SPDX-License-Identifier: LGPL-2.1-or-later
# GPUs that are divided, and VMs that get a part.

function Get-VMHostPartitionableGpu {
    <#
    .SYNOPSIS
        Lists the GPUs that can be divided into partitions.
    .DESCRIPTION
        Lists the GPUs with SR-IOV of all hosts, how many partitions each has, and how many it can have.
    .PARAMETER Name
        Only the GPU of this name: its location path, NODE/ADDRESS; wildcards are allowed.
    .PARAMETER ComputerName
        Shows only what is on these hosts; wildcards are allowed.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.HostPartitionableGpu
    .EXAMPLE
        Get-VMHostPartitionableGpu | Format-List Name, ValidPartitionCounts, PartitionCount

        What is divided, and what could be.
    #>
    [CmdletBinding()]
    [OutputType('Berth.HostPartitionableGpu')]
    param(
        [Parameter(Position = 0)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName partitionable @args })]
        [string] $Name,
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
            $gpus = @(Get-BerthPartitionable $berth @(Resolve-BerthNodeName $berth $ComputerName))
            Select-BerthName $PSCmdlet $gpus @($Name | Where-Object { $_ }) Name 'partitionable GPU' 'no-such-gpu'
        }
    } catch {
        Write-BerthFailure $PSCmdlet $_ $Name
    }
}

function Set-VMHostPartitionableGpu {
    <#
    .SYNOPSIS
        Divides GPUs into partitions, or makes them whole again.
    .DESCRIPTION
        Divides GPUs that no VM and no pool has into so many equal partitions, and waits until that is done. Divide the GPUs
        of all hosts alike: a pool takes equal partitions, and a warning says which GPUs of the same model differ.
    .PARAMETER Name
        The GPU: its location path, NODE/ADDRESS; wildcards are allowed.
    .PARAMETER HostPartitionableGpu
        GPUs of Get-VMHostPartitionableGpu.
    .PARAMETER PartitionCount
        How many partitions. 0: the GPU is whole again, and its host's.
    .PARAMETER OptimalPartitionVRAM
        Accepted; a warning says that it changes nothing: the partitions of a GPU are equal.
    .PARAMETER Passthru
        Returns the object that was changed.
    .PARAMETER AsJob
        Does it in the background and returns a job.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.HostPartitionableGpu, with -Passthru
    .EXAMPLE
        Set-VMHostPartitionableGpu -Name node1/0000:65:00.0 -PartitionCount 4

        Divides one GPU into four.
    .EXAMPLE
        Get-VMHostPartitionableGpu | Set-VMHostPartitionableGpu -PartitionCount 4

        Divides all of them alike.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'Name')]
    [OutputType('Berth.HostPartitionableGpu')]
    param(
        [Parameter(ParameterSetName = 'Name')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName partitionable @args })]
        [string] $Name,
        [Parameter(ParameterSetName = 'Object', Mandatory, Position = 0, ValueFromPipeline)]
        [Alias('PartitionableGpu')]
        [PSTypeName('Berth.HostPartitionableGpu')]
        [psobject[]] $HostPartitionableGpu,
        [uint16] $PartitionCount,
        [uint64] $OptimalPartitionVRAM,
        [switch] $Passthru,
        [switch] $AsJob,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $ComputerName,
        [object[]] $CimSession,
        [pscredential[]] $Credential,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
        if ($PSBoundParameters.ContainsKey('OptimalPartitionVRAM')) {
            Write-BerthMeaningless $PSCmdlet OptimalPartitionVRAM 'the partitions of a GPU are equal'
        }
        if (-not $PSBoundParameters.ContainsKey('PartitionCount')) {
            $PSCmdlet.ThrowTerminatingError((New-BerthError 'NoCount' 'There is no -PartitionCount.' 'InvalidArgument' $null `
                        'Get-VMHostPartitionableGpu shows the valid counts.'))
        }
    }
    process {
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters $HostPartitionableGpu) {
                $chosen = $HostPartitionableGpu
                if (-not $chosen) {
                    $gpus = @(Get-BerthPartitionable $berth @(Resolve-BerthNodeName $berth $ComputerName))
                    $chosen = @(Select-BerthName $PSCmdlet $gpus @($Name | Where-Object { $_ }) Name 'partitionable GPU' 'no-such-gpu')
                }
                foreach ($gpu in $chosen | Where-Object { Test-BerthOrigin $berth $_ }) {
                    Set-BerthPartitionCount $PSCmdlet $PSBoundParameters $berth $gpu.Name $PartitionCount
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ ($Name ? $Name : $HostPartitionableGpu)
        }
    }
}

function Add-VMGpuPartitionAdapter {
    <#
    .SYNOPSIS
        Assigns a VM a partition of a GPU.
    .DESCRIPTION
        Declares that a VM needs one partition of a pool, one more with each call; which one is decided when it starts. The VM
        must be off. A partition comes from a pool of the type GpuPartition. If there is none yet, one named GpuPartitionPool
        is created with all partitions that are in no pool, as Windows has no pools for partitions.
    .PARAMETER VMName
        The VMs; wildcards are allowed.
    .PARAMETER VM
        VMs of Get-VM.
    .PARAMETER ResourcePoolName
        The pool. Needed if there is more than one of the type GpuPartition.
    .PARAMETER InstancePath
        Accepted; a warning says that it changes nothing: which partition it is, is decided when the VM starts.
    .PARAMETER MinPartitionVRAM
        Accepted like the other sizes of Windows; a warning says that it changes nothing: partitions are equal.
    .PARAMETER MaxPartitionVRAM
        As -MinPartitionVRAM.
    .PARAMETER OptimalPartitionVRAM
        As -MinPartitionVRAM.
    .PARAMETER MinPartitionEncode
        As -MinPartitionVRAM.
    .PARAMETER MaxPartitionEncode
        As -MinPartitionVRAM.
    .PARAMETER OptimalPartitionEncode
        As -MinPartitionVRAM.
    .PARAMETER MinPartitionDecode
        As -MinPartitionVRAM.
    .PARAMETER MaxPartitionDecode
        As -MinPartitionVRAM.
    .PARAMETER OptimalPartitionDecode
        As -MinPartitionVRAM.
    .PARAMETER MinPartitionCompute
        As -MinPartitionVRAM.
    .PARAMETER MaxPartitionCompute
        As -MinPartitionVRAM.
    .PARAMETER OptimalPartitionCompute
        As -MinPartitionVRAM.
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
    .OUTPUTS
        Berth.GpuPartitionAdapter, with -Passthru
    .EXAMPLE
        Add-VMGpuPartitionAdapter -VMName desk1

        Assigns desk1 one partition.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'VMName')]
    [OutputType('Berth.GpuPartitionAdapter')]
    param(
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)]
        [Alias('Name')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $VMName,
        [Parameter(ParameterSetName = 'VM', Mandatory, Position = 0, ValueFromPipeline)]
        [PSTypeName('Berth.VirtualMachine')]
        [psobject[]] $VM,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName pool @args })]
        [string] $ResourcePoolName,
        [string] $InstancePath,
        [uint64] $MinPartitionVRAM,
        [uint64] $MaxPartitionVRAM,
        [uint64] $OptimalPartitionVRAM,
        [uint64] $MinPartitionEncode,
        [uint64] $MaxPartitionEncode,
        [uint64] $OptimalPartitionEncode,
        [uint64] $MinPartitionDecode,
        [uint64] $MaxPartitionDecode,
        [uint64] $OptimalPartitionDecode,
        [uint64] $MinPartitionCompute,
        [uint64] $MaxPartitionCompute,
        [uint64] $OptimalPartitionCompute,
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
        $sizes = @($PSBoundParameters.Keys | Where-Object { $_ -match '^(Min|Max|Optimal)Partition' } | Sort-Object)
        if ($sizes) {
            Write-BerthMeaningless $PSCmdlet ($sizes -join ', -') 'the partitions of a GPU are equal'
        }
        if ($InstancePath) {
            Write-BerthMeaningless $PSCmdlet InstancePath 'which partition it is, is decided when the VM starts'
        }
    }
    process {
        $targets = @($VMName) + @($VM)
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters $VM) {
                $pool = Find-BerthPartitionPool $PSCmdlet $berth $ResourcePoolName
                if ($pool) {
                    $bound = @{} + $PSBoundParameters
                    $bound.Session = @($berth.Name)
                    Set-BerthNeed $PSCmdlet $bound assign $targets $pool @('GpuPartition')
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $targets
        }
    }
}

function Get-VMGpuPartitionAdapter {
    <#
    .SYNOPSIS
        Lists the partitions that VMs are assigned.
    .DESCRIPTION
        Lists one object for each partition that a VM needs: the pool, and the partition itself while the VM has it.
    .PARAMETER VMName
        The VMs; wildcards are allowed.
    .PARAMETER VM
        VMs of Get-VM.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.GpuPartitionAdapter
    .EXAMPLE
        Get-VMGpuPartitionAdapter -VMName desk1

        The partitions of desk1.
    #>
    [CmdletBinding(DefaultParameterSetName = 'VMName')]
    [OutputType('Berth.GpuPartitionAdapter')]
    param(
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)]
        [Alias('Name')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $VMName,
        [Parameter(ParameterSetName = 'VM', Mandatory, Position = 0, ValueFromPipeline)]
        [PSTypeName('Berth.VirtualMachine')]
        [psobject[]] $VM,
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
        $targets = @($VMName) + @($VM)
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters $VM) {
                $pools = @(Get-BerthItem $berth v1/pools | Where-Object { $_.type -eq 'GpuPartition' })
                foreach ($each in Resolve-BerthVMName $berth $targets) {
                    ConvertTo-BerthAssignment $berth (Get-BerthVMWhole $berth $each) 'Berth.GpuPartitionAdapter' |
                        Where-Object { $_.ResourcePoolName -in $pools.name }
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $targets
        }
    }
}

function Remove-VMGpuPartitionAdapter {
    <#
    .SYNOPSIS
        Takes partitions from a VM.
    .DESCRIPTION
        Takes back the partitions that a VM was assigned; with objects of Get-VMGpuPartitionAdapter, one for each object. The
        VM must be off.
    .PARAMETER VMName
        The VMs; wildcards are allowed.
    .PARAMETER VM
        VMs of Get-VM.
    .PARAMETER VMGpuPartitionAdapter
        Partitions of Get-VMGpuPartitionAdapter.
    .PARAMETER AdapterId
        Only the partition with this Id, as Get-VMGpuPartitionAdapter shows it.
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
    .OUTPUTS
        Berth.GpuPartitionAdapter, with -Passthru: what is left
    .EXAMPLE
        Remove-VMGpuPartitionAdapter -VMName desk1

        Takes all partitions from desk1.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'VMName')]
    [OutputType('Berth.GpuPartitionAdapter')]
    param(
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0)]
        [Alias('Name')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $VMName,
        [Parameter(ParameterSetName = 'VM', Mandatory, Position = 0, ValueFromPipeline)]
        [PSTypeName('Berth.VirtualMachine')]
        [psobject[]] $VM,
        [Parameter(ParameterSetName = 'Object', Mandatory, Position = 0, ValueFromPipeline)]
        [PSTypeName('Berth.GpuPartitionAdapter')]
        [psobject[]] $VMGpuPartitionAdapter,
        [string] $AdapterId,
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
        $targets = @($VMName) + @($VM)
        if ($AdapterId -and -not $VMGpuPartitionAdapter) {
            Set-BerthNeed $PSCmdlet $PSBoundParameters unassign $targets ($AdapterId -split '\\')[1] @('GpuPartition')
            return
        }
        foreach ($adapter in $VMGpuPartitionAdapter) {
            Set-BerthNeed $PSCmdlet $PSBoundParameters unassign @($adapter) $adapter.ResourcePoolName @('GpuPartition')
        }
        if (-not $VMGpuPartitionAdapter) {
            Set-BerthNeed $PSCmdlet $PSBoundParameters unassign $targets '' @('GpuPartition')
        }
    }
}
