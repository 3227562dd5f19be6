# SPDX-License-Identifier: LGPL-2.1-or-later
# What GPUs a VM needs: one of a pool a call. Which one it gets is decided when it starts.

function Add-VMAssignableDevice {
    <#
    .SYNOPSIS
        Assigns a VM one GPU of a pool.
    .DESCRIPTION
        Declares that a VM needs one GPU of a pool, one more with each call. Which GPU it is, on which host, is decided when
        the VM starts. The VM must be off.
    .PARAMETER VMName
        The VMs; wildcards are allowed.
    .PARAMETER VM
        VMs of Get-VM.
    .PARAMETER ResourcePoolName
        The pool.
    .PARAMETER LocationPath
        One certain GPU cannot be assigned, as the VM could not run anywhere else: an error, and nothing is changed.
    .PARAMETER InstancePath
        One certain GPU cannot be assigned, as the VM could not run anywhere else: an error, and nothing is changed.
    .PARAMETER VirtualFunction
        Accepted; a warning says that it changes nothing: the system chooses the partition.
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
        Berth.AssignableDevice, with -Passthru
    .EXAMPLE
        Add-VMAssignableDevice -ResourcePoolName GpuChildPool -VMName train1

        Assigns train1 one GPU of the pool. Once more: two.
    .EXAMPLE
        Get-VM train* | Add-VMAssignableDevice -ResourcePoolName GpuChildPool

        Assigns each of these VMs one GPU.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'VMName')]
    [OutputType('Berth.AssignableDevice')]
    param(
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)]
        [Alias('Name')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $VMName,
        [Parameter(ParameterSetName = 'VM', Mandatory, Position = 0, ValueFromPipeline)]
        [PSTypeName('Berth.VirtualMachine')]
        [psobject[]] $VM,
        [Parameter(Position = 1)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName pool @args })]
        [string] $ResourcePoolName,
        [string] $LocationPath,
        [string] $InstancePath,
        [uint16] $VirtualFunction,
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
        if (-not $ResourcePoolName) {
            $path = $LocationPath ? $LocationPath : $InstancePath
            $why = $path ? "A VM that is bound to one GPU ($path) cannot run on another host" : 'There is no -ResourcePoolName'
            $PSCmdlet.ThrowTerminatingError((New-BerthError 'NoPool' "$why`: assign a pool." 'InvalidArgument' $path `
                        'Put the GPUs of several hosts into a pool, and give it with -ResourcePoolName.'))
        }
        if ($LocationPath -or $InstancePath) {
            Write-BerthMeaningless $PSCmdlet 'LocationPath, -InstancePath' 'which GPU of the pool it is, is decided when the VM starts'
        }
        if ($PSBoundParameters.ContainsKey('VirtualFunction')) {
            Write-BerthMeaningless $PSCmdlet VirtualFunction 'the system chooses the partition'
        }
    }
    process {
        $targets = @($VMName) + @($VM)
        Set-BerthNeed $PSCmdlet $PSBoundParameters assign $targets $ResourcePoolName
    }
}

function Get-VMAssignableDevice {
    <#
    .SYNOPSIS
        Lists the GPUs that VMs are assigned.
    .DESCRIPTION
        Lists one object for each GPU that a VM needs: the pool, and the GPU itself while the VM has it.
    .PARAMETER VMName
        The VMs; wildcards are allowed.
    .PARAMETER VM
        VMs of Get-VM.
    .PARAMETER ResourcePoolName
        Only GPUs of this pool; wildcards are allowed.
    .PARAMETER LocationPath
        Only the GPU with this location path, while a VM has it.
    .PARAMETER InstancePath
        Only the GPU with this instance path, while a VM has it.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.AssignableDevice
    .EXAMPLE
        Get-VMAssignableDevice -VMName train1

        What train1 is assigned, and which GPUs it has now.
    .EXAMPLE
        Get-VM | Get-VMAssignableDevice | Where-Object ResourcePoolName -eq GpuChildPool

        All assignments of a pool.
    #>
    [CmdletBinding(DefaultParameterSetName = 'VMName')]
    [OutputType('Berth.AssignableDevice')]
    param(
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)]
        [Alias('Name')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $VMName,
        [Parameter(ParameterSetName = 'VM', Mandatory, Position = 0, ValueFromPipeline)]
        [PSTypeName('Berth.VirtualMachine')]
        [psobject[]] $VM,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName pool @args })]
        [string] $ResourcePoolName = '*',
        [string] $LocationPath,
        [string] $InstancePath,
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
                $place = @(Resolve-BerthDeviceParameter $berth $PSBoundParameters | ForEach-Object { "$($_.Node)/$($_.Address)" })
                foreach ($name in Resolve-BerthVMName $berth $targets) {
                    ConvertTo-BerthAssignment $berth (Get-BerthVMWhole $berth $name) 'Berth.AssignableDevice' |
                        Where-Object { $_.ResourcePoolName -like $ResourcePoolName -and (-not $place -or $_.LocationPath -in $place) }
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $targets
        }
    }
}

function Remove-VMAssignableDevice {
    <#
    .SYNOPSIS
        Takes a GPU from a VM.
    .DESCRIPTION
        Takes back one GPU of a pool that a VM was assigned; with objects of Get-VMAssignableDevice, one for each object.
        The VM must be off.
    .PARAMETER VMName
        The VMs; wildcards are allowed.
    .PARAMETER VM
        VMs of Get-VM.
    .PARAMETER VMAssignableDevice
        Assignments of Get-VMAssignableDevice.
    .PARAMETER ResourcePoolName
        The pool. Without it, everything that the VM is assigned is taken back.
    .PARAMETER LocationPath
        Accepted; a warning says that it changes nothing: a VM that is off has no certain GPU.
    .PARAMETER InstancePath
        Accepted; a warning says that it changes nothing: a VM that is off has no certain GPU.
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
        Berth.AssignableDevice, with -Passthru: what is left
    .EXAMPLE
        Remove-VMAssignableDevice -ResourcePoolName GpuChildPool -VMName train1

        Takes one GPU of the pool from train1.
    .EXAMPLE
        Get-VMAssignableDevice train1 | Where-Object ResourcePoolName -eq GpuChildPool | Remove-VMAssignableDevice

        Takes all GPUs of the pool from it.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'VMName')]
    [OutputType('Berth.AssignableDevice')]
    param(
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0)]
        [Alias('Name')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $VMName,
        [Parameter(ParameterSetName = 'VM', Mandatory, Position = 0, ValueFromPipeline)]
        [PSTypeName('Berth.VirtualMachine')]
        [psobject[]] $VM,
        [Parameter(ParameterSetName = 'Object', Mandatory, Position = 0, ValueFromPipeline)]
        [PSTypeName('Berth.AssignableDevice')]
        [psobject[]] $VMAssignableDevice,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName pool @args })]
        [string] $ResourcePoolName,
        [string] $LocationPath,
        [string] $InstancePath,
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
        if ($LocationPath -or $InstancePath) {
            Write-BerthMeaningless $PSCmdlet 'LocationPath, -InstancePath' 'a VM that is off has no certain GPU'
        }
    }
    process {
        if ($VMAssignableDevice) {
            foreach ($device in $VMAssignableDevice) {
                Set-BerthNeed $PSCmdlet $PSBoundParameters unassign @($device) $device.ResourcePoolName
            }
        } else {
            Set-BerthNeed $PSCmdlet $PSBoundParameters unassign (@($VMName) + @($VM)) $ResourcePoolName
        }
    }
}
