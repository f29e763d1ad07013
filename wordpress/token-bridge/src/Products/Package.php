<?php
/**
 * What a product grants.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Products;

defined( 'ABSPATH' ) || exit;

/**
 * Tokens per unit, or tokens per month for a number of months.
 */
final class Package {

	/** @var int */
	public $tokens;

	/** @var int Months of a plan; 0 for a package. */
	public $months;

	public function __construct( int $tokens, int $months = 0 ) {
		$this->tokens = $tokens;
		$this->months = $months;
	}

	public function is_plan(): bool {
		return $this->months > 0;
	}
}
